// Read policy resources with Microsoft's own types and write them again: what they do not know is
// lost, what they need is missed. Standard input: a list of [type, resource]. Standard output: for
// each {properties}, or {error}.
import { createSerializer } from '@azure/core-client'
import * as types from './node_modules/@azure/arm-policy/dist-esm/src/models/mappers.js'

const serializer = createSerializer(types)

function again([type, resource]) {
  try {
    const read = serializer.deserialize(types[type], resource, 'resource')
    return { properties: serializer.serialize(types[type], read, 'resource').properties }
  } catch (error) {
    return { error: String(error) }
  }
}

let given = ''
for await (const part of process.stdin) given += part
process.stdout.write(JSON.stringify(JSON.parse(given).map(again)))

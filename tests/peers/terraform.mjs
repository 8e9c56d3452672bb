// Read texts as templates of Terraform, with HashiCorp's own parser. Standard input: a list of
// texts. Standard output: for each {text, references}, or {error} where it is no template.
import { createRequire } from 'node:module'

const { parse, getReferencesInExpression } = createRequire(import.meta.url)('@cdktf/hcl2json')

async function read(text) {
  try {
    const { value } = await parse('x.tf', `value = ${JSON.stringify(text)}`)
    // It puts a text between quotes as it is, so that one with escapes cannot be asked about.
    const found = /["\\\n]/.test(text) ? [] : await getReferencesInExpression('x.tf', text)
    return { text: value, references: found.map(one => one.value) }
  } catch (error) {
    return { error: String(error) }
  }
}

let given = ''
for await (const part of process.stdin) given += part
const answers = []
for (const text of JSON.parse(given)) answers.push(await read(text))
process.stdout.write(JSON.stringify(answers), () => process.exit(0))

// Ask iam-simulate about many requests. Standard input: {policies: {name: document}, requests:
// [{action, resource, account, context, policies: [[name, ...], ...]}]}; the lists of names are what
// is attached to the root, the unit and the account. Standard output: one answer for each request.
import { runUnsafeSimulation } from '@cloud-copilot/iam-simulate'

const everything = { Effect: 'Allow', Action: '*', Resource: '*' }
const full = { name: 'FullAWSAccess', policy: { Version: '2012-10-17', Statement: [everything] } }

let text = ''
for await (const part of process.stdin) text += part
const { policies, requests } = JSON.parse(text)

const levels = new Map()
function attached(lists) {
  const key = JSON.stringify(lists)
  if (!levels.has(key)) {
    levels.set(key, lists.map((names, index) => ({
      orgIdentifier: `level-${index}`,
      policies: [full, ...names.map(name => ({ name, policy: policies[name] }))],
    })))
  }
  return levels.get(key)
}

const answers = []
for (const one of requests) {
  answers.push(await runUnsafeSimulation({
    request: {
      principal: `arn:aws:sts::${one.account}:assumed-role/example/session`,
      action: one.action,
      resource: { resource: one.resource, accountId: one.account },
      contextVariables: one.context,
    },
    identityPolicies: [full],
    serviceControlPolicies: attached(one.policies),
    resourceControlPolicies: [],
  }, {}))
}
process.stdout.write(JSON.stringify(answers))

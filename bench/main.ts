const args = process.argv.slice(2)
// A process that plays a role loads what that needs, and nothing else: what it takes up is measured.
if (args[0] === 'role') await (await import('./processes/roles.js')).play(args[1]!, args[2]!)
else await (await import('./run-bench.js')).runBench(args)

export {}

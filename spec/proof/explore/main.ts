import { begin, type Configuration, nameOf } from './configuration.js'
import { few, many } from './configurations.js'
import { Explorer } from './explorer.js'
import { traceText } from './trace.js'

const HELP = `npm run explore -- [--few] [WORDS…]

Visits every state that a few clients can get into, and shows the way to the first in which a rule is broken. Ends with 1 when
one is. WORDS are parts of the names of the configurations to explore, like 'losses 2' or 'force'; all are when there are none.

  --few   only the part that the tests explore`

const args = process.argv.slice(2)
if (args.includes('--help')) {
  console.log(HELP)
  process.exit()
}
const words = args.filter(word => word !== '--few')
const isFew = args.includes('--few')

interface Sum {
  configurations: number
  states: number
  moves: number
  seconds: number
}

let violations = 0
// Some of the rest are in the part that the tests explore, too.
const rest = [...new Map([...few, ...many].map(each => [nameOf(each), each])).values()].slice(few.length)
const sums = [explore(few), explore(isFew ? [] : rest)]
console.log(`${row(sums[0]!)}   the part that the tests explore: ${sums[0]!.configurations} configurations`)
if (!isFew) console.log(`${row(added(sums))}   in all: ${added(sums).configurations} configurations`)
console.log(`violations: ${violations}`)
process.exitCode = violations === 0 ? 0 : 1

function explore(all: readonly Configuration[]): Sum {
  const chosen = all.filter(each => words.every(word => nameOf(each).includes(word)))
  return added(chosen.map(exploreOne))
}

function exploreOne(configuration: Configuration): Sum {
  const { violation, ...found } = new Explorer(() => begin(configuration)).run()
  console.log(`${row(found)}   ${nameOf(configuration)}`)
  if (violation) {
    violations++
    console.log(traceText(violation.trace, violation.message))
  }
  return { ...found, configurations: 1 }
}

function added(some: readonly Sum[]): Sum {
  return some.reduce(
    (sum, each) => ({
      configurations: sum.configurations + each.configurations,
      states: sum.states + each.states,
      moves: sum.moves + each.moves,
      seconds: sum.seconds + each.seconds,
    }),
    { configurations: 0, states: 0, moves: 0, seconds: 0 },
  )
}

function row({ states, moves, seconds }: Omit<Sum, 'configurations'>): string {
  return `${String(states).padStart(9)} states ${String(moves).padStart(9)} moves ${seconds.toFixed(1).padStart(6)} s`
}

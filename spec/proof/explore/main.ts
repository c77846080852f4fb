import { begin, nameOf } from './configuration.js'
import { few, many } from './configurations.js'
import { Explorer } from './explorer.js'
import { traceText } from './trace.js'

/**
 * Visits every state that a few clients of one lock can get into, and says where a rule is broken. Ends with 1 when one
 * is. Arguments: words of the configurations to explore; all when there are none.
 */
const words = process.argv.slice(2)
const chosen = [...few, ...many].filter(each => words.every(word => nameOf(each).includes(word)))
const sum = { states: 0, moves: 0, seconds: 0 }
let violations = 0
for (const configuration of chosen) {
  const { states, moves, seconds, violation } = new Explorer(() => begin(configuration)).run()
  sum.states += states
  sum.moves += moves
  sum.seconds += seconds
  console.log(`${row(states, moves, seconds)}   ${nameOf(configuration)}`)
  if (!violation) continue
  violations++
  console.log(traceText(violation.trace, violation.message))
}
console.log(`${row(sum.states, sum.moves, sum.seconds)}   in all, violations ${violations}`)
process.exitCode = violations === 0 ? 0 : 1

function row(states: number, moves: number, seconds: number): string {
  return `${String(states).padStart(9)} states ${String(moves).padStart(9)} moves ${seconds.toFixed(1).padStart(6)} s`
}

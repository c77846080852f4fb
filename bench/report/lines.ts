import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Curve } from '../scenarios/scenario.js'
import type { Result } from './result.js'
import { round } from './table.js'

const [WIDTH, HEIGHT, GAP, TOP] = [230, 150, 60, 60]

/** What a chart of a growth shows side by side. */
const PANELS = [
  ['cyclesPerSecond', 'cycles a second'],
  ['clientMicros', 'µs of client CPU a cycle'],
  ['calls', 'calls of etcd a cycle'],
  ['bytes', 'bytes a cycle'],
] as const

/** A chart for each growth. Points without a figure are left out. */
export async function writeCurves(folder: string, curves: readonly Curve[], result: Result): Promise<void> {
  for (const curve of curves) {
    const file = `${result.scenario}-${curve.what.replaceAll(' ', '-')}.svg`
    await writeFile(join(folder, file), chartOf(curve, result))
  }
}

function chartOf({ what, points }: Curve, { variants }: Result): string {
  const panels = PANELS.map(([figure, title], at) => {
    const known = points.flatMap(({ at: x, load }) => {
      const peer = Object.values(variants.find(({ name }) => name === load)?.peers ?? {})[0]
      const y = peer?.[figure]?.median
      return y === undefined ? [] : [{ x, y }]
    })
    return `<g transform="translate(${30 + at * (WIDTH + GAP)} ${TOP})">${panelOf(title, known)}</g>`
  })
  const size = `width="${30 + PANELS.length * (WIDTH + GAP)}" height="${TOP + HEIGHT + 40}"`
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size} font-family="sans-serif" font-size="11">
<rect width="100%" height="100%" fill="#fff"/>
<text x="10" y="20" font-weight="bold">as the number grows: ${what}</text>
${panels.join('\n')}
</svg>
`
}

/** From zero on, over a logarithm of what grows. */
function panelOf(title: string, points: readonly { readonly x: number; readonly y: number }[]): string {
  const logs = points.map(({ x }) => Math.log(x))
  const [first, width] = [logs[0] ?? 0, (logs.at(-1) ?? 0) - (logs[0] ?? 0) || 1]
  const most = Math.max(...points.map(({ y }) => y)) || 1
  const placed = points.map(({ x, y }, at) => ({
    x,
    y,
    left: Math.round(((logs[at]! - first) / width) * WIDTH),
    top: Math.round(HEIGHT - (y / most) * HEIGHT),
  }))
  const line = placed.map(({ left, top }) => `${left},${top}`).join(' ')
  const marks = placed.map(
    ({ x, y, left, top }) =>
      `<circle cx="${left}" cy="${top}" r="3" fill="#0b6e4f"/>` +
      `<text x="${left}" y="${top - 6}" text-anchor="middle">${round(y)}</text>` +
      `<text x="${left}" y="${HEIGHT + 16}" text-anchor="middle" fill="#52606d">${x}</text>`,
  )
  return [
    `<text x="0" y="-22" font-weight="bold">${title}</text>`,
    `<line x1="0" y1="${HEIGHT}" x2="${WIDTH}" y2="${HEIGHT}" stroke="#9aa5b1"/>`,
    `<polyline points="${line}" fill="none" stroke="#0b6e4f" stroke-width="1.5"/>`,
    ...marks,
  ].join('')
}

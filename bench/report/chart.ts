import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { rawPuts } from '../peers/raw-puts.js'
import type { Scenario } from '../scenarios/scenario.js'
import type { Result } from './result.js'

const [BAR, GAP, LEFT, WIDTH, RIGHT] = [16, 6, 290, 420, 110]

/** Ours stand out, and so do the floors, which are no locks. */
function colourOf(peer: string): string {
  if (peer.startsWith('floor') || peer === rawPuts.name) return '#d9a441'
  return peer.startsWith('spicelock') || peer.includes("'spicelock'") ? '#0b6e4f' : '#9aa5b1'
}

/** A bar for the median of each peer, in a group for each load. Loads without the figure are left out. */
export async function writeChart(folder: string, scenario: Scenario, result: Result): Promise<void> {
  const { figure, unit } = scenario.shown
  const lines: string[] = []
  let y = 26
  const text = (x: number, at: number, words: string, anchor = 'start', weight = 'normal'): void => {
    const attributes = `x="${x}" y="${at}" text-anchor="${anchor}" font-weight="${weight}"`
    lines.push(`<text ${attributes}>${words.replaceAll('&', '&amp;').replaceAll('<', '&lt;')}</text>`)
  }
  text(10, y - 6, `${scenario.name}: ${scenario.measures} (${unit})`, 'start', 'bold')
  for (const { name, peers } of result.variants) {
    const shown = Object.entries(peers).flatMap(([peer, { [figure]: spread }]) =>
      spread ? [[peer, spread.median] as const] : [],
    )
    if (shown.length === 0) continue
    y += 24
    text(10, y - 6, name, 'start', 'bold')
    const most = Math.max(...shown.map(([, median]) => median)) || 1
    for (const [peer, median] of shown) {
      const width = Math.max(1, (WIDTH * median) / most)
      text(LEFT - 8, y + BAR - 4, peer, 'end')
      lines.push(
        `<rect x="${LEFT}" y="${y}" width="${width.toFixed(1)}" height="${BAR}" fill="${colourOf(peer)}"/>`,
      )
      text(LEFT + width + 6, y + BAR - 4, median < 10 ? median.toFixed(2) : median.toFixed(0))
      y += BAR + GAP
    }
  }
  const size = `width="${LEFT + WIDTH + RIGHT}" height="${y + 10}"`
  const open = `<svg xmlns="http://www.w3.org/2000/svg" ${size} font-family="sans-serif" font-size="12">`
  const back = '<rect width="100%" height="100%" fill="#fff"/>'
  await writeFile(join(folder, `${scenario.name}.svg`), `${[open, back, ...lines, '</svg>'].join('\n')}\n`)
}

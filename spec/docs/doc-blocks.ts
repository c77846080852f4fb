import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

export const root = resolve(import.meta.dirname, '../..')

/** A fenced block of a page. */
export interface Block {
  readonly language: string
  readonly code: string
}

/** Every page for readers, by its path from the root. */
export const pages: readonly string[] = [
  'README.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    // Not the reports of the public surface, which are made from the code.
    .filter(file => file.endsWith('.md') && !file.endsWith('.api.md'))
    .map(file => join('docs', file))
    .sort(),
]

export function textOf(page: string): string {
  return readFileSync(join(root, page), 'utf8')
}

/** The blocks of a page, in their order. */
export function blocksOf(page: string): Block[] {
  return [...textOf(page).matchAll(/^```(\w*)\n(.*?)^```$/gms)].map(([, language, code]) => ({
    language: language!,
    code: code!,
  }))
}

/** The cells of the table whose head begins with `head`, one row after the other, without the head. */
export function rowsOf(page: string, head: string): string[][] {
  const lines = textOf(page).split('\n')
  const start = lines.findIndex(line => line.startsWith(`| ${head} `))
  const rows: string[][] = []
  for (const line of lines.slice(start + 2)) {
    if (!line.startsWith('|')) break
    const cells = line.split(/(?<!\\)\|/).slice(1, -1)
    rows.push(cells.map(cell => cell.trim()))
  }
  return rows
}

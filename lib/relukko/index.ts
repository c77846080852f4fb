export { RelukkoAdapter, type RelukkoAdapterOptions } from './adapter.js'
export * from './errors.js'
export { type Relukko, type RelukkoChange } from './relukko.js'
export { RelukkoDTO, type RelukkoJson } from './relukko-dto.js'

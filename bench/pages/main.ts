import { fillPages } from './fill.js'

await fillPages()

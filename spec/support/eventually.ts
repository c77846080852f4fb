export { eventually } from '../../lib/testing/eventually.js'

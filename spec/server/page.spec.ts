// One suite, and so one browser: to start one takes longer than most of these tests.
import './page/acting.js'
import './page/live.js'
import './page/look.js'
import './page/many.js'
import './page/openapi.js'

/** Imports run one way: a layer may import only the layers listed before it. */
const layers = [
  'model',
  'kv',
  'time',
  'protocol',
  'store',
  'config',
  'lock',
  'relukko',
  'server',
  'testing',
  'cli',
]
const upward = layers.map((layer, index) => ({
  name: `${layer}-imports-downwards-only`,
  severity: 'error',
  from: { path: `^lib/${layer}/` },
  to: { path: `^lib/(${[...layers.slice(index + 1), 'index'].join('|')})[/.]` },
}))

/** The rooms of `lib/lock`, in the same order. */
const rooms = ['leases', 'engine', 'options', 'observe', 'release', 'extend', 'acquire', 'hold', 'api']
const upstairs = rooms.slice(0, -1).map((room, index) => ({
  name: `lock-${room}-imports-downwards-only`,
  severity: 'error',
  from: { path: `^lib/lock/${room}/` },
  to: { path: `^lib/lock/(${rooms.slice(index + 1).join('|')})/` },
}))

module.exports = {
  forbidden: [
    { name: 'no-circles', severity: 'error', from: {}, to: { circular: true } },
    ...upward,
    ...upstairs,
    {
      name: 'lock-has-one-door',
      comment: 'What is not offered by lib/lock/api does not check what it is given.',
      severity: 'error',
      from: { path: '^lib/', pathNot: '^lib/lock/' },
      to: { path: '^lib/lock/', pathNot: '^lib/lock/api/' },
    },
    {
      name: 'lock-has-rooms-only',
      severity: 'error',
      from: { path: '^lib/' },
      to: { path: '^lib/lock/', pathNot: `^lib/lock/(${rooms.join('|')})/` },
    },
    {
      name: 'only-store-etcd-knows-etcd3',
      severity: 'error',
      from: { path: '^lib/', pathNot: '^lib/store/etcd/' },
      to: { path: 'node_modules/(etcd3|@grpc)/' },
    },
    {
      name: 'pure-layers-do-no-io',
      severity: 'error',
      from: { path: '^lib/(model|kv|protocol)/' },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'library-pays-for-no-command',
      severity: 'error',
      from: { path: '^lib/', pathNot: '^lib/cli/' },
      to: { path: 'node_modules/(commander|cli-table3)/' },
    },
    {
      name: 'library-pays-for-no-server',
      severity: 'error',
      from: { path: '^lib/', pathNot: '^lib/server/' },
      to: { path: 'node_modules/(fastify|@fastify)/' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      extensions: ['.ts', '.js'],
      conditionNames: ['import', 'types', 'node', 'default'],
    },
    exclude: { path: '^dist' },
  },
}

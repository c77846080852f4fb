/** As a server of Relukko's would answer with it. */
export const RELUKKO_LOCK = {
  id: '7d5a6e8e-3a5c-4b7b-9f0a-1b2c3d4e5f60',
  lock_name: 'a lock',
  creator: null,
  ip: '127.0.0.1',
  expires_at: '2099-12-01T23:12:00.123456Z',
  created_at: '2023-07-16T16:46:52.161053Z',
  updated_at: '2023-07-16T16:46:52.161053Z',
}

interface Status {
  readonly header: { readonly member_id: string }
  /** Missing or "0" while there is no leader. */
  readonly leader?: string
}

interface MemberList {
  readonly members: readonly { readonly ID: string; readonly name?: string }[]
}

/** The name of the member that serves at `endpoint`. Throws when none does, or it has no leader yet. */
export async function servingMember(endpoint: string): Promise<string> {
  const status = await post<Status>(endpoint, 'maintenance/status')
  if (!status.leader || status.leader === '0') throw new Error('etcd has no leader yet')
  const { members } = await post<MemberList>(endpoint, 'cluster/member/list')
  return members.find(member => member.ID === status.header.member_id)?.name ?? ''
}

/** One call through the JSON gateway that etcd serves beside gRPC. */
async function post<Answer>(endpoint: string, method: string): Promise<Answer> {
  const signal = AbortSignal.timeout(2000)
  const response = await fetch(`${endpoint}/v3/${method}`, { method: 'POST', body: '{}', signal })
  if (!response.ok) throw new Error(`${method} answered ${response.status}: ${await response.text()}`)
  return (await response.json()) as Answer
}

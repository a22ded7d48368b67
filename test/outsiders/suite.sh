#!/bin/sh
# A simulated Feishu in a shell script: each test is a few requests by curl, and the patterns of their replies.
#
#     npm install effect-lark-meetings
#     sh suite.sh
set -eu

ready=$(mktemp)
node_modules/.bin/effect-lark-meetings simulator --port 0 --json --for 5m >"$ready" &
simulator=$!
trap 'kill $simulator; rm -f "$ready"' EXIT
until [ -s "$ready" ]; do
  kill -0 $simulator
  sleep 0.05
done

field() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"; }
url=$(field url <"$ready")
app_id=$(field appId <"$ready")
app_secret=$(field appSecret <"$ready")
meeting=7000000000000000001
tests=0
failed=0

# control POST path [body]
control() { curl -sS -X "$1" "$url/_simulator/$2" ${3+-d "$3"}; }

# feishu METHOD path [body]: as the app; prints the status after the reply
feishu() {
  curl -sS -X "$1" "$url/open-apis/$2" -H "Authorization: Bearer $token" -H 'Content-Type: application/json' \
    -w ' HTTP %{http_code}' ${3+-d "$3"}
}

get_token() {
  token=$(curl -sS "$url/open-apis/auth/v3/tenant_access_token/internal" -H 'Content-Type: application/json' \
    -d "{\"app_id\":\"$app_id\",\"app_secret\":\"$app_secret\"}" | field tenant_access_token)
}

set_host() {
  feishu PATCH "vc/v1/meetings/$meeting/set_host" \
    "{\"old_host_user\":{\"id\":\"$1\",\"user_type\":1},\"host_user\":{\"id\":\"$2\",\"user_type\":1}}"
}

begin() {
  name=$1
  tests=$((tests + 1))
  control POST reset "{\"meetings\":[{\"id\":\"$meeting\",\"host\":\"ou_alice\",\"participants\":[\"ou_bob\",\"ou_carol\"]}]}" >/dev/null
  get_token
}

# expect "a reply" pattern…: the patterns of grep, all of which it has
expect() {
  reply=$1
  shift
  for pattern in "$@"; do
    if ! printf '%s' "$reply" | grep -q -- "$pattern"; then
      printf 'FAILED %s: no %s in\n  %s\n' "$name" "$pattern" "$reply"
      failed=$((failed + 1))
    fi
  done
}

begin "moves the host"
expect "$(set_host ou_alice ou_bob)" '"code":0' '"id":"ou_bob"' 'HTTP 200$'
expect "$(control GET writes)" '"by":"request"' '"openId":"ou_bob"'

begin "a conflict names the host"
expect "$(set_host ou_carol ou_bob)" '"code":121006' '"id":"ou_alice"' 'HTTP 409$'

begin "a rival is faster"
control POST rivals '{"rivals":[{"_tag":"BeforeSwap","nth":0,"host":"ou_carol"}]}' >/dev/null
expect "$(set_host ou_alice ou_bob)" '"code":121006' '"id":"ou_carol"' 'HTTP 409$'

begin "the reply is lost, the host is moved"
control POST faults '{"faults":[{"endpoint":"set_host","nth":0,"fault":{"_tag":"DropAfter"}}]}' >/dev/null
expect "$(set_host ou_alice ou_bob 2>&1 || true)" 'curl: (52)'
expect "$(control GET "meetings/$meeting")" '"host":{"openId":"ou_bob"'
expect "$(control GET 'requests?endpoint=set_host')" '"_tag":"DropAfter"' '"executed":{"status":200' '"reply":null'

begin "a token is rejected"
control POST reject-tokens >/dev/null
expect "$(set_host ou_alice ou_bob)" '"code":99991663'
get_token
expect "$(set_host ou_alice ou_bob)" '"code":0'

begin "a token expires"
expect "$(control POST clock '{"advance":"2 hours"}')" '"ahead":7200000'
expect "$(set_host ou_alice ou_bob)" '"code":99991663'

begin "only the host can end a meeting"
for user in ou_bob ou_alice; do
  token=$(control POST user-token "{\"user\":\"$user\"}" | field token)
  [ $user = ou_bob ] && code=121005 || code=0
  expect "$(feishu PATCH "vc/v1/meetings/$meeting/end")" "\"code\":$code[,}]"
done

begin "a new meeting in which somebody arrives"
meeting=7000000000000000002
expect "$(control POST meetings "{\"id\":\"$meeting\",\"host\":\"ou_dave\"}")" '"status":"in_progress"'
expect "$(set_host ou_dave ou_erin)" '"code":122004'
control POST "meetings/$meeting/join" '{"user":"ou_erin"}' >/dev/null
expect "$(set_host ou_dave ou_erin)" '"code":0'
meeting=7000000000000000001

begin "an event is pushed, to nobody"
control POST reset "{\"webhook\":{\"url\":\"http://127.0.0.1:1/\"},\"meetings\":[{\"id\":\"$meeting\"}]}" >/dev/null
control POST "meetings/$meeting/join" '{"user":"ou_dave"}' >/dev/null
expect "$(control GET events)" '"type":"vc.meeting.join_meeting_v1"' '"status":null'

begin "what is wrong is refused"
expect "$(control POST user-token '{"user":')" '"_tag":"BadInput"'
expect "$(control POST faults '{"faults":[{"endpoint":"set_hosts","nth":0,"fault":{"_tag":"DropAfter"}}]}')" \
  '"path":"faults\[0\].endpoint"' '"known":\[.*"set_host"'
expect "$(control POST meetings/1/end)" '"_tag":"MeetingNotFound"' "\"known\":\[\"$meeting\"\]"

echo "$tests tests, $failed failures"
[ "$failed" -eq 0 ]

"""
A program that moves the host of a meeting, and its tests against a simulated Feishu.

    npm install effect-lark-meetings
    python3 suite.py
"""
import json
import subprocess
import unittest
from urllib.error import HTTPError
from urllib.request import Request, urlopen


def call(method, url, body=None, token=None):
    """The status of the reply, and its JSON."""
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    data = None if body is None else json.dumps(body).encode()
    try:
        with urlopen(Request(url, data, headers, method=method), timeout=10) as reply:
            return reply.status, json.load(reply)
    except HTTPError as error:
        return error.code, json.load(error)


class Feishu:
    """The program."""

    def __init__(self, url, app_id, app_secret):
        self.apis, self.app, self.token = f"{url}/open-apis", {"app_id": app_id, "app_secret": app_secret}, None

    def request(self, method, path, body=None):
        """As the app. Once more with a new token if the token is refused."""
        for _ in range(2):
            if self.token is None:
                _, reply = call("POST", f"{self.apis}/auth/v3/tenant_access_token/internal", self.app)
                self.token = reply["tenant_access_token"]
            status, reply = call(method, f"{self.apis}/vc/v1/meetings/{path}", body, self.token)
            if reply["code"] != 99991663:
                break
            self.token = None
        return status, reply

    def host(self, meeting):
        return self.request("GET", meeting)[1]["data"]["meeting"]["host_user"]["id"]

    def swap(self, meeting, old, new):
        users = {"old_host_user": {"id": old, "user_type": 1}, "host_user": {"id": new, "user_type": 1}}
        return self.request("PATCH", f"{meeting}/set_host", users)

    def make_host(self, meeting, new):
        """Makes a user the host, whoever is host now."""
        old = self.host(meeting)
        while old != new:
            try:
                status, reply = self.swap(meeting, old, new)
            except OSError:  # The reply is lost. The host may have been moved.
                old = self.host(meeting)
                continue
            if reply["code"] not in (0, 121006):
                raise RuntimeError(reply["msg"])
            old = reply["data"]["host_user"]["id"]


class MeetingTest(unittest.TestCase):
    meeting = "7000000000000000001"

    @classmethod
    def setUpClass(cls):
        command = ["npx", "effect-lark-meetings", "simulator", "--port", "0", "--json", "--for", "5m"]
        cls.process = subprocess.Popen(command, stdout=subprocess.PIPE)
        cls.simulator = json.loads(cls.process.stdout.readline())

    @classmethod
    def tearDownClass(cls):
        cls.process.terminate()
        cls.process.communicate(timeout=10)

    def setUp(self):
        meetings = [{"id": self.meeting, "host": "ou_alice", "participants": ["ou_bob", "ou_carol"]}]
        self.control("POST", "reset", {"meetings": meetings})
        self.feishu = Feishu(self.simulator["url"], self.simulator["appId"], self.simulator["appSecret"])

    def control(self, method, path, body=None, status=200):
        found, reply = call(method, f"{self.simulator['controlUrl']}/{path}", body)
        self.assertEqual(status, found, reply)
        return reply

    def swaps(self):
        """The codes of all replies to set_host; None for one that was lost."""
        requests = self.control("GET", "requests?endpoint=set_host")["requests"]
        return [request["reply"] and request["reply"]["code"] for request in requests]

    def writes(self):
        return [(write["by"], write["after"]["openId"]) for write in self.control("GET", "writes")["writes"]]

    def test_moves_the_host(self):
        self.feishu.make_host(self.meeting, "ou_bob")
        self.assertEqual([("request", "ou_bob")], self.writes())

    def test_conflict_names_the_host(self):
        status, reply = self.feishu.swap(self.meeting, "ou_carol", "ou_bob")
        self.assertEqual((409, 121006, "ou_alice"), (status, reply["code"], reply["data"]["host_user"]["id"]))

    def test_wins_against_a_rival(self):
        self.control("POST", "rivals", {"rivals": [{"_tag": "BeforeSwap", "nth": 0, "host": "ou_carol"}]})
        self.feishu.make_host(self.meeting, "ou_bob")
        self.assertEqual([121006, 0], self.swaps())
        self.assertEqual([("rival", "ou_carol"), ("request", "ou_bob")], self.writes())

    def test_moves_the_host_once_if_the_reply_is_lost(self):
        self.control("POST", "faults", {"faults": [{"endpoint": "set_host", "nth": 0, "fault": {"_tag": "DropAfter"}}]})
        self.feishu.make_host(self.meeting, "ou_bob")
        self.assertEqual([None], self.swaps())
        self.assertEqual([("request", "ou_bob")], self.writes())

    def test_renews_a_token_that_is_rejected_or_has_expired(self):
        self.feishu.make_host(self.meeting, "ou_bob")
        self.control("POST", "reject-tokens")
        self.feishu.make_host(self.meeting, "ou_carol")
        self.control("POST", "clock", {"advance": "2 hours"})
        self.feishu.make_host(self.meeting, "ou_alice")
        self.assertEqual(["ou_bob", "ou_carol", "ou_alice"], [host for _, host in self.writes()])
        issued = self.control("GET", "requests?endpoint=tenant_access_token")["requests"]
        self.assertEqual(3, len(issued))

    def test_only_the_host_can_end_a_meeting(self):
        for user, code in [("ou_bob", 121005), ("ou_alice", 0)]:
            token = self.control("POST", "user-token", {"user": user})["token"]
            _, reply = call("PATCH", f"{self.feishu.apis}/vc/v1/meetings/{self.meeting}/end", token=token)
            self.assertEqual(code, reply["code"])
        self.assertEqual("ended", self.control("GET", f"meetings/{self.meeting}")["status"])

    def test_a_new_meeting_in_which_somebody_arrives(self):
        self.control("POST", "meetings", {"id": "7000000000000000002", "host": "ou_dave"}, status=201)
        _, reply = self.feishu.swap("7000000000000000002", "ou_dave", "ou_erin")
        self.assertEqual(122004, reply["code"])
        self.control("POST", "meetings/7000000000000000002/join", {"user": "ou_erin"})
        self.feishu.make_host("7000000000000000002", "ou_erin")

    def test_pushes_events_again_while_nobody_takes_them(self):
        self.control("POST", "reset", {"webhook": {"url": "http://127.0.0.1:1/"}, "meetings": [{"id": self.meeting}]})
        self.control("POST", f"meetings/{self.meeting}/join", {"user": "ou_dave"})
        self.control("POST", "clock", {"advance": "6 minutes"})
        [event] = self.control("GET", "events")["events"]
        self.assertEqual(("vc.meeting.join_meeting_v1", 3), (event["type"], len(event["attempts"])))

    def test_what_is_wrong_is_refused(self):
        fault = {"endpoint": "set_hosts", "nth": 0, "fault": {"_tag": "DropAfter"}}
        error = self.control("POST", "faults", {"faults": [fault]}, status=400)["error"]
        self.assertEqual(("BadInput", "faults[0].endpoint"), (error["_tag"], error["path"]))
        error = self.control("POST", "meetings/1/join", {"user": "ou_dave"}, status=404)["error"]
        self.assertEqual(("MeetingNotFound", [self.meeting]), (error["_tag"], error["known"]))
        error = self.control("POST", "user-token", {"usr": "ou_dave"}, status=400)["error"]
        self.assertEqual({"usr", "user"}, {issue["path"] for issue in error["issues"]})


if __name__ == "__main__":
    unittest.main()

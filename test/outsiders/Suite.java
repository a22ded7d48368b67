import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.regex.Pattern;

/**
 * A simulated Feishu in Java, with the client of the JDK. Replies are compared as text: the JDK has no JSON.
 *
 *     npm install effect-lark-meetings
 *     java Suite.java
 */
public class Suite {
    static final String MEETING = "7000000000000000001";
    static final HttpClient http = HttpClient.newHttpClient();
    static String url, app, token;

    interface Test { void run() throws Exception; }

    /** JSON with single quotes, so that it can be read here. */
    static String json(String text, Object... values) { return String.format(text.replace('\'', '"'), values); }

    /** The value of a field that is a text. */
    static String field(String name, String json) {
        var matcher = Pattern.compile("\"" + name + "\":\"([^\"]*)\"").matcher(json);
        if (!matcher.find()) throw new AssertionError("No " + name + " in " + json);
        return matcher.group(1);
    }

    /** The status of the reply, and its body. */
    static String call(String method, String path, String token, String body) throws IOException, InterruptedException {
        var request = HttpRequest.newBuilder(URI.create(url + path)).header("Content-Type", "application/json")
            .method(method, body == null ? BodyPublishers.noBody() : BodyPublishers.ofString(body));
        if (token != null) request.header("Authorization", "Bearer " + token);
        var reply = http.send(request.build(), BodyHandlers.ofString());
        return reply.statusCode() + " " + reply.body();
    }

    static String get(String path) throws Exception { return call("GET", "/_simulator/" + path, null, null); }

    static String post(String path, String body) throws Exception { return call("POST", "/_simulator/" + path, null, body); }

    static void getToken() throws Exception {
        token = field("tenant_access_token", call("POST", "/open-apis/auth/v3/tenant_access_token/internal", null, app));
    }

    static String setHost(String meeting, String from, String to) throws IOException, InterruptedException {
        var body = json("{'old_host_user':{'id':'%s','user_type':1},'host_user':{'id':'%s','user_type':1}}", from, to);
        return call("PATCH", "/open-apis/vc/v1/meetings/" + meeting + "/set_host", token, body);
    }

    static void expect(String reply, String... parts) {
        for (var part : parts) {
            if (!reply.contains(json(part))) throw new AssertionError("No " + json(part) + " in " + reply);
        }
    }

    static final Map<String, Test> tests = new LinkedHashMap<>();

    static {
        tests.put("moves the host", () -> {
            expect(setHost(MEETING, "ou_alice", "ou_bob"), "200 ", "'code':0", "'id':'ou_bob'");
            expect(get("writes"), "'by':'request'", "'request':1");
        });
        tests.put("a conflict names the host", () ->
            expect(setHost(MEETING, "ou_carol", "ou_bob"), "409 ", "'code':121006", "'id':'ou_alice'"));
        tests.put("a rival is faster", () -> {
            post("rivals", json("{'rivals':[{'_tag':'BeforeSwap','nth':0,'host':'ou_carol'}]}"));
            expect(setHost(MEETING, "ou_alice", "ou_bob"), "409 ", "'id':'ou_carol'");
            expect(get("writes"), "'by':'rival'");
        });
        tests.put("the reply is lost, the host is moved, and once", () -> {
            post("faults", json("{'faults':[{'endpoint':'set_host','nth':0,'fault':{'_tag':'DropAfter'}}]}"));
            try {
                throw new AssertionError(setHost(MEETING, "ou_alice", "ou_bob"));
            } catch (IOException lost) {
                expect(get("meetings/" + MEETING), "'host':{'openId':'ou_bob'");
                expect(get("requests?endpoint=set_host&after=1"), "'requests':[]");
            }
        });
        tests.put("a token is rejected, another expires", () -> {
            post("reject-tokens", "");
            expect(setHost(MEETING, "ou_alice", "ou_bob"), "400 ", "'code':99991663");
            getToken();
            expect(setHost(MEETING, "ou_alice", "ou_bob"), "'code':0");
            expect(post("clock", json("{'advance':'2 hours'}")), "'ahead':7200000");
            expect(setHost(MEETING, "ou_bob", "ou_carol"), "'code':99991663");
        });
        tests.put("only the host can end a meeting", () -> {
            for (var user : new String[] {"ou_bob", "ou_alice"}) {
                token = field("token", post("user-token", json("{'user':'%s'}", user)));
                var reply = call("PATCH", "/open-apis/vc/v1/meetings/" + MEETING + "/end", token, null);
                expect(reply, user.equals("ou_bob") ? "'code':121005" : "'code':0");
            }
        });
        tests.put("somebody arrives in a new meeting", () -> {
            expect(post("meetings", json("{'id':'2','host':'ou_dave'}")), "201 ", "'status':'in_progress'");
            expect(setHost("2", "ou_dave", "ou_erin"), "'code':122004");
            post("meetings/2/join", json("{'user':'ou_erin'}"));
            expect(setHost("2", "ou_dave", "ou_erin"), "'code':0");
        });
        tests.put("an event is pushed, to nobody", () -> {
            post("reset", json("{'webhook':{'url':'http://127.0.0.1:1/'},'meetings':[{'id':'%s'}]}", MEETING));
            post("meetings/" + MEETING + "/join", json("{'user':'ou_dave'}"));
            expect(get("events"), "'type':'vc.meeting.join_meeting_v1'", "'status':null");
        });
        tests.put("what is wrong is refused", () -> {
            expect(post("clock", json("{'advance':'soon'}")), "400 ", "'_tag':'BadInput'", "'path':'advance'");
            expect(post("meetings/1/end", ""), "404 ", "'_tag':'MeetingNotFound'", "'known':['" + MEETING + "']");
        });
    }

    public static void main(String[] args) throws Exception {
        var command = "node_modules/.bin/effect-lark-meetings simulator --port 0 --json --for 5m".split(" ");
        var simulator = new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
        var failed = 0;
        try {
            var ready = new BufferedReader(new InputStreamReader(simulator.getInputStream())).readLine();
            url = field("url", ready);
            app = json("{'app_id':'%s','app_secret':'%s'}", field("appId", ready), field("appSecret", ready));
            for (var test : tests.entrySet()) {
                post("reset", json("{'meetings':[{'id':'%s','host':'ou_alice','participants':['ou_bob','ou_carol']}]}", MEETING));
                getToken();
                try {
                    test.getValue().run();
                } catch (Exception | AssertionError error) {
                    failed++;
                    System.err.println("FAILED " + test.getKey() + ": " + error);
                }
            }
        } finally {
            simulator.destroy();
        }
        System.out.println(tests.size() - failed + " passed, " + failed + " failed");
        System.exit(failed == 0 ? 0 : 1);
    }
}

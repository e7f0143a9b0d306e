package httpapi

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"mcpproxy-tray/internal/stateview"
)

// browse asks for a page as a browser does that shows it in a tab.
func browse(t *testing.T, s *Server, path string, lines ...string) *http.Response {
	t.Helper()
	return ask(t, s, "GET "+path+" HTTP/1.1\nHost: 127.0.0.1:7420\nSec-Fetch-Site: none\nSec-Fetch-Mode: navigate\n"+strings.Join(append(lines, "\n"), "\n"))
}

// letIn opens a link of the server and returns the cookie's line.
func letIn(t *testing.T, s *Server) string {
	t.Helper()
	res := browse(t, s, strings.TrimPrefix(s.PageURL(), "http://127.0.0.1:7420"))
	cookies := res.Cookies()
	if res.StatusCode != 303 || res.Header.Get("Location") != "/" || len(cookies) != 1 {
		t.Fatalf("%d to %q with %d cookies", res.StatusCode, res.Header.Get("Location"), len(cookies))
	}
	c := cookies[0]
	if !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Domain != "" || len(c.Value) < 26 {
		t.Fatalf("cookie %v", c)
	}
	return "Cookie: " + c.Name + "=" + c.Value
}

// wantClosed checks that the answer tells a stranger what to do, and nothing else.
func wantClosed(t *testing.T, what string, res *http.Response) {
	t.Helper()
	body := bodyOf(t, res)
	if res.StatusCode != 401 || !strings.Contains(body, "open it from the tray menu") || len(res.Cookies()) != 0 {
		t.Errorf("%s: %d %s", what, res.StatusCode, body)
	}
	for _, secret := range []string{"filesystem", "linear", "1 of 3", "7420", "0.1.0"} {
		if strings.Contains(body, secret) {
			t.Errorf("%s: a stranger sees %q", what, secret)
		}
	}
}

func TestPageShowsTheSnapshot(t *testing.T) {
	s, _ := newTest()
	res := browse(t, s, "/", letIn(t, s))
	body := bodyOf(t, res)
	if res.StatusCode != 200 || res.Header.Get("Content-Type") != "text/html; charset=utf-8" || res.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%s %v", res.Status, res.Header)
	}
	since := time.Date(2026, 11, 22, 9, 30, 0, 0, time.UTC).Local().Format("2006-01-02 15:04:05")
	for _, want := range []string{
		"1 of 3 connected · 1 disabled · 1 needs approval · 1 down, retrying", "version 1",
		"The configuration file has an error in line 3.", "http://127.0.0.1:7420/mcp",
		"<bdi>filesystem</bdi>", `<span class="state connected">connected</span>`, "Tools: 2, 1 held for review",
		"<bdi>linear</bdi>", "The server refused the connection.", "Is it running?", "MPT-REFUSED", "Next try at ",
		`<time datetime="2026-11-22T09:30:00Z">` + since + "</time>", "<bdi>old</bdi>", "needs approval",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	first, rest, _ := strings.Cut(body, "<h2>Servers</h2>")
	if !strings.Contains(first, "<bdi>linear</bdi>") || !strings.Contains(first, "<bdi>filesystem</bdi>") || strings.Contains(first, "<bdi>old</bdi>") || !strings.Contains(rest, "<bdi>old</bdi>") {
		t.Error("what needs attention does not come first")
	}
	for _, secret := range []string{"npx", "/home/me/notes", adminToken, clientToken, "9f2c", "<script"} {
		if strings.Contains(body, secret) {
			t.Errorf("the page has %q", secret)
		}
	}
	policy := res.Header.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "style-src 'sha256-", "form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'"} {
		if !strings.Contains(policy, want) {
			t.Errorf("policy %q lacks %q", policy, want)
		}
	}
	if !strings.Contains(body, "<style>"+pageStyle+"</style>") {
		t.Error("the style is not the one that the policy names")
	}
}

// TestPageShowsWhatAReviewNeeds: where a notification leads.
func TestPageShowsWhatAReviewNeeds(t *testing.T) {
	s, _ := newTest()
	long := "run " + strings.Repeat("-", 3*maxPageText) + "\u202e<b>end"
	s.opt.View.UpdateServer("b c/ü\"&", func(st *stateview.ServerStatus) {
		st.State, st.Transport = stateview.Quarantined, stateview.HTTP
		st.SetLaunch(stateview.Launch{Line: long, ID: "88bb"})
	})
	var tools []stateview.Tool
	for i := range 2 * maxPageHeld {
		tools = append(tools, stateview.Tool{Name: fmt.Sprintf("t%d", i), Held: true})
	}
	s.opt.View.UpdateServer("many", func(st *stateview.ServerStatus) { st.Tools = stateview.NewToolList(tools) })
	body := bodyOf(t, browse(t, s, "/", letIn(t, s)))
	for _, want := range []string{
		`<li id="server-new">`, "Would run: <code>uvx thing</code>", `name="server" value="new"`, `name="launch_id" value="77aa"`,
		`name="server" value="b c/ü&#34;&amp;"`, `<li id="server-b%20c%2F%C3%BC%22&amp;">`,
		"Would contact: <code>run ---", "---\ufffd&lt;b&gt;end</code>", "<code>88bb</code>",
		`name="tool" value="t1:5e1d write"> <code>write</code>`, "  &#34;description&#34;: &#34;Writes a file.&#34;,\n", "<code>t19</code>", "… and 20 more",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if n := strings.Count(body, "<button"); n != 4 {
		t.Errorf("%d buttons, want one for each server that waits", n)
	}
	for _, bad := range []string{"<code>t20</code>", "\u202e"} {
		if strings.Contains(body, bad) {
			t.Errorf("the page has %q", bad)
		}
	}
}

// TestPageApproves: what was shown is approved, and nothing else, by who was let in.
func TestPageApproves(t *testing.T) {
	commands := &fakeCommands{}
	s, _ := newTest(func(o *Options) { o.Commands = commands })
	cookie, form := letIn(t, s), url.Values{"server": {"new"}, "launch_id": {"77aa"}}
	const own = "http://127.0.0.1:7420"
	if status, _ := postForm(t, s, "/approve", "X-No: cookie", own, form); status != 401 {
		t.Errorf("without the cookie: %d", status)
	}
	if status, _ := postForm(t, s, "/approve", cookie, "http://evil.example", form); status != 403 {
		t.Errorf("from another site: %d", status)
	}
	if asked := commands.take(nil); len(asked) != 0 {
		t.Errorf("asked %q", asked)
	}
	if status, body := postForm(t, s, "/approve", cookie, own, form); status != 303 {
		t.Errorf("%d %s", status, body)
	}
	if asked := commands.take(fmt.Errorf("approve: %w", ErrStale)); !slices.Equal(asked, []string{"approve new 77aa"}) {
		t.Errorf("asked %q", asked)
	}
	status, body := postForm(t, s, "/approve", cookie, own, form)
	if status != 409 || !strings.Contains(body, "What &#34;new&#34; would run has changed since it was shown.") || !strings.Contains(body, `value="77aa"`) {
		t.Errorf("a launch that has changed: %d %s", status, body)
	}
}

// TestPageApprovesTools: those that were ticked, by the hash of what was shown.
func TestPageApprovesTools(t *testing.T) {
	commands := &fakeCommands{}
	s, _ := newTest(func(o *Options) {
		o.Commands = commands
		o.ApprovedTool = func(server, tool string) string { return `{"name":"` + tool + "\",\"was\":\"\u202e<b>\"}" }
	})
	s.opt.View.UpdateServer("filesystem", func(st *stateview.ServerStatus) {
		st.Tools = stateview.NewToolList([]stateview.Tool{
			{Name: "two words", Definition: `{"name":"two words"}`, Held: true, Hash: "t1:2"},
			{Name: "long", Definition: `{"name":"` + strings.Repeat("x", maxPageTool) + `"}`, Held: true, Hash: "t1:3"}, {Name: "odd", Definition: `{"a":1,"a":2}`, Held: true},
		})
	})
	cookie := letIn(t, s)
	const own = "http://127.0.0.1:7420"
	page := bodyOf(t, browse(t, s, "/", cookie))
	for _, want := range []string{`value="t1:2 two words"`, "What was approved:", "\ufffd&lt;b&gt;", `<code>long</code> <span class="soft">cannot be approved here`, `<code>odd</code> <span class="soft">cannot`} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q\n%s", want, page)
		}
	}
	form := url.Values{"server": {"filesystem"}, "tool": {"t1:2 two words"}}
	if status, _ := postForm(t, s, "/approve-tools", "X-No: cookie", own, form); status != 401 {
		t.Errorf("without the cookie: %d", status)
	}
	if status, body := postForm(t, s, "/approve-tools", cookie, own, form); status != 303 {
		t.Errorf("%d %s", status, body)
	}
	if asked := commands.take(fmt.Errorf("approve: %w", ErrStaleTool)); !slices.Equal(asked, []string{"approve tools filesystem [{two words t1:2}]"}) {
		t.Errorf("asked %q", asked)
	}
	if status, body := postForm(t, s, "/approve-tools", cookie, own, form); status != 409 || !strings.Contains(body, `<p class="note">`) {
		t.Errorf("a tool that has changed: %d %s", status, body)
	}
	if status, body := postForm(t, s, "/approve-tools", cookie, own, url.Values{"server": {"filesystem"}}); status != 422 || !strings.Contains(body, "Nothing was approved") {
		t.Errorf("nothing ticked: %d %s", status, body)
	}
}

// TestPageOfEveryState: the page shows each state in words.
func TestPageOfEveryState(t *testing.T) {
	s, _ := newTest(func(o *Options) { o.View = stateview.New() })
	if body := bodyOf(t, browse(t, s, "/", letIn(t, s))); !strings.Contains(body, "There are no servers yet") {
		t.Errorf("without servers: %s", body)
	}
}

func TestPageEscapesNaughtyTexts(t *testing.T) {
	naughty := []string{
		"<script>alert(1)</script>", `"><img src=x onerror=alert(1)>`, "</style><script>x</script>", "{{.Secret}}", "javascript:alert(1)", "<!--",
		"]]>", "' onmouseover='x", "\x00\x01", "\xff\xfe", "a\u202Eb", "zero\u200Bwidth", "\uFEFF", "two\nlines", strings.Repeat("long", 5000), " ", "\u2028",
	}
	s, _ := newTest()
	for _, text := range naughty {
		s.opt.View.UpdateServer(text, func(st *stateview.ServerStatus) {
			st.State = stateview.Failed
			st.SetProblem(stateview.Problem{Code: text, Text: text, Hint: text})
		})
	}
	body := bodyOf(t, browse(t, s, "/", letIn(t, s)))
	for _, bad := range []string{"<script", "<img", "<!--", "\x00", "\x01", "\xff", "\u202E", "\u200B", "\uFEFF", "\u2028", "two\nlines"} {
		if strings.Contains(body, bad) {
			t.Errorf("the page has %q", bad)
		}
	}
	rows := strings.Count(body, "<li>") + strings.Count(body, "<li id=")
	if rows != len(naughty)+4 || strings.Count(body, "<style>") != 1 || len(body) > 64<<10 {
		t.Errorf("%d rows in %d bytes", rows, len(body))
	}
	if !strings.Contains(body, "&lt;script&gt;alert(1)&lt;/script&gt;") {
		t.Error("a name is not shown as it is")
	}
}

func TestPageIsClosedToStrangers(t *testing.T) {
	s, _ := newTest()
	cookie := letIn(t, s)
	name, value, _ := strings.Cut(cookie, "=")
	wantClosed(t, "no cookie", browse(t, s, "/"))
	for _, line := range []string{
		name + "=", name + "=" + value + "x", name + "=" + adminToken, "Cookie: mcpproxy-tray-7421=" + value, "Cookie: other=" + value,
		"Authorization: Bearer " + clientToken, "Authorization: Bearer x",
	} {
		wantClosed(t, line, browse(t, s, "/", line))
	}
	for _, path := range []string{"/open/ABC", "/open/" + value, "/open/" + adminToken} {
		wantClosed(t, path, browse(t, s, path, cookie))
	}
	other, _ := newTest()
	wantClosed(t, "another run's cookie", browse(t, other, "/", cookie))
	if res := browse(t, s, "/", "Authorization: Bearer "+adminToken); res.StatusCode != 200 {
		t.Errorf("with the admin token: %s", res.Status)
	}
}

// TestSessionOpensNothingElse: the cookie shows, it commands nothing.
func TestSessionOpensNothingElse(t *testing.T) {
	s, cmds := newTest()
	cookie := letIn(t, s)
	for _, rt := range s.routes() {
		if rt.scope == scopeOpen || rt.scope == scopePage {
			continue
		}
		for m := range rt.methods {
			res := ask(t, s, m+" "+address(rt)+" HTTP/1.1\nHost: 127.0.0.1:7420\nSec-Fetch-Site: same-origin\n"+cookie+"\n\n")
			wantError(t, m+" "+rt.pattern, res, 401, "MPT-HTTP-NO-TOKEN")
		}
	}
	if asked := cmds.take(nil); asked != nil {
		t.Errorf("commands were called: %q", asked)
	}
}

func TestLinkWorksOnce(t *testing.T) {
	s, _ := newTest()
	path := strings.TrimPrefix(s.PageURL(), "http://127.0.0.1:7420")
	wantClosed(t, "a prefetch", browse(t, s, path, "Sec-Purpose: prefetch"))
	wantClosed(t, "HEAD", ask(t, s, "HEAD "+path+" HTTP/1.1\nHost: 127.0.0.1:7420\n\n"))
	refused(t, "cross-site", ask(t, s, "GET "+path+" HTTP/1.1\nHost: 127.0.0.1:7420\nSec-Fetch-Site: cross-site\n\n"), "MPT-HTTP-ORIGIN")
	var won atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if browse(t, s, path).StatusCode == 303 {
				won.Add(1)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 {
		t.Errorf("%d of 8 were let in by one link", won.Load())
	}
	wantClosed(t, "a used link", browse(t, s, path))
}

func TestLinkAndSessionEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newTest()
		path := strings.TrimPrefix(s.PageURL(), "http://127.0.0.1:7420")
		cookie := letIn(t, s)
		time.Sleep(linkLife)
		wantClosed(t, "an old link", browse(t, s, path))
		time.Sleep(sessionLife - linkLife - time.Second)
		if res := browse(t, s, "/", cookie); res.StatusCode != 200 {
			t.Errorf("within its time: %s", res.Status)
		}
		time.Sleep(time.Second)
		wantClosed(t, "an old session", browse(t, s, "/", cookie))
	})
}

// TestManyLinks: whoever can ask for links cannot make the program remember them all.
func TestManyLinks(t *testing.T) {
	s, _ := newTest()
	first := strings.TrimPrefix(s.PageURL(), "http://127.0.0.1:7420")
	for range 10 * maxTickets {
		letIn(t, s)
		s.PageURL()
	}
	wantClosed(t, "the first of many", browse(t, s, first))
	if len(s.sessions.all) != maxTickets || len(s.links.all) > maxTickets {
		t.Errorf("%d sessions, %d links", len(s.sessions.all), len(s.links.all))
	}
}

func TestNewPageAnswersWithALink(t *testing.T) {
	s, _ := newTest()
	body := bodyOf(t, call(t, s, "POST", "/api/v1/page", ""))
	_, rest, _ := strings.Cut(body, `{"url":"http://127.0.0.1:7420`)
	path, _, ok := strings.Cut(rest, `"`)
	if res := browse(t, s, path); !ok || res.StatusCode != 303 {
		t.Errorf("%s: %s", body, res.Status)
	}
}

package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"mcpproxy-tray/internal/stateview"
)

// serversJSON is the document of GET /api/v1/servers.
type serversJSON struct {
	Version uint64       `json:"version"`
	Servers []serverJSON `json:"servers"`
}

func TestServersAgreeWithSnapshot(t *testing.T) {
	s, _ := newTest()
	for i := range 50 {
		s.opt.View.UpdateServer(fmt.Sprintf("server %d", i%7), func(st *stateview.ServerStatus) {
			st.State, st.Attempt = stateview.State(i%stateview.NumStates), i
		})
		snap := s.opt.View.Snapshot()
		var doc serversJSON
		if err := json.Unmarshal([]byte(bodyOf(t, call(t, s, "GET", "/api/v1/servers", ""))), &doc); err != nil {
			t.Fatal(err)
		}
		if doc.Version != snap.Seq() || len(doc.Servers) != snap.Count() {
			t.Fatalf("version %d with %d servers, want %d with %d", doc.Version, len(doc.Servers), snap.Seq(), snap.Count())
		}
		if !slices.IsSortedFunc(doc.Servers, func(a, b serverJSON) int { return strings.Compare(a.Name, b.Name) }) {
			t.Fatal("servers are not sorted")
		}
		for j, st := range snap.GetAll() {
			got := doc.Servers[j]
			if got.Name != st.Name || got.State != st.State || got.Enabled != st.Enabled || !got.Since.Equal(st.Since) || got.Attempt != st.Attempt ||
				!got.RetryAt.Equal(st.RetryAt) || got.PID != st.PID || got.Tools.Total != st.Tools.Len() || got.Tools.Held != st.Tools.Held() || got.Version != st.Version {
				t.Fatalf("got %+v, want %+v", got, st)
			}
		}
	}
}

func TestServersAreEncodedOncePerVersion(t *testing.T) {
	s, _ := newTest()
	first := call(t, s, "GET", "/api/v1/servers", "")
	tag := first.Header.Get("ETag")
	want := bodyOf(t, first)
	for _, none := range []string{tag, "W/" + tag, "*", `"x", ` + tag} {
		res := ask(t, s, "GET /api/v1/servers HTTP/1.1\nHost: 127.0.0.1:7420\nAuthorization: Bearer "+adminToken+"\nIf-None-Match: "+none+"\n\n")
		if body := bodyOf(t, res); res.StatusCode != 304 || body != "" || res.Header.Get("ETag") != tag {
			t.Errorf("If-None-Match %s: %d %q", none, res.StatusCode, body)
		}
	}
	snap := s.opt.View.Snapshot()
	if a, b := s.cache.servers(snap), s.cache.servers(snap); &a[0] != &b[0] || string(a) != want {
		t.Error("the same version was encoded twice")
	}
	s.opt.View.RemoveServer("old")
	res := ask(t, s, "GET /api/v1/servers HTTP/1.1\nHost: 127.0.0.1:7420\nAuthorization: Bearer "+adminToken+"\nIf-None-Match: "+tag+"\n\n")
	if body := bodyOf(t, res); res.StatusCode != 200 || res.Header.Get("ETag") == tag || strings.Contains(body, `"old"`) {
		t.Errorf("after a change: %d %s", res.StatusCode, body)
	}
	if other, _ := newTest(); other.cache.tag(snap) == tag {
		t.Error("another run of the program has the same tag for its version")
	}
}

func TestCommands(t *testing.T) {
	s, cmds := newTest()
	for _, c := range []struct {
		method, path, body string
		status             int
		want               string
	}{
		{"POST", "/api/v1/servers/linear/enable", "", 200, "enable linear"},
		{"POST", "/api/v1/servers/linear/disable", "{}", 200, "disable linear"},
		{"POST", "/api/v1/servers/linear/restart", "", 200, "restart linear"},
		{"POST", "/api/v1/servers/a%2Fb%20%C3%A9/restart", "", 200, "restart a/b é"},
		{"POST", "/api/v1/servers/new/approve", `{"launch_id":"77aa"}`, 200, "approve new 77aa"},
		{"DELETE", "/api/v1/servers/old", "", 200, "remove old"},
		{"POST", "/api/v1/servers", `{"name":"x y","url":"https://a/b","headers":{"z":"1","a":"2"},"n":12345678901234567890}`, 201,
			`add x y {"url":"https://a/b","headers":{"z":"1","a":"2"},"n":12345678901234567890}`},
		{"POST", "/api/v1/servers", `{"command":"uvx","name":"t","args":["<a>"]}`, 201, `add t {"command":"uvx","args":["<a>"]}`},
		{"POST", "/api/v1/servers", `{"name":"t"}`, 201, `add t {}`},
	} {
		res := call(t, s, c.method, c.path, c.body)
		if asked := cmds.take(nil); res.StatusCode != c.status || len(asked) != 1 || asked[0] != c.want {
			t.Errorf("%s %s: %d %q, want %d %q", c.method, c.path, res.StatusCode, asked, c.status, c.want)
		}
		if body := bodyOf(t, res); body != "{\"version\":1}\n" {
			t.Errorf("%s %s: %s", c.method, c.path, body)
		}
		if loc := res.Header.Get("Location"); (loc != "") != (c.status == 201) {
			t.Errorf("%s %s: Location %q", c.method, c.path, loc)
		}
	}
}

func TestBadRequestsReachNoCommand(t *testing.T) {
	s, cmds := newTest()
	big := `{"name":"` + strings.Repeat("x", maxAPIBytes) + `"}`
	for _, c := range []struct {
		method, path, body string
		status             int
		code               string
	}{
		{"GET", "/nothing", "", 404, "MPT-HTTP-NOT-FOUND"},
		{"GET", "/api/v1/nothing", "", 404, "MPT-HTTP-NOT-FOUND"},
		{"GET", "//", "", 404, "MPT-HTTP-NOT-FOUND"},
		{"GET", "//api/v1/status", "", 404, "MPT-HTTP-NOT-FOUND"},
		{"GET", "/mcp/../api/v1/status", "", 404, "MPT-HTTP-NOT-FOUND"},
		{"GET", "/mcp/%2e%2e/api/v1/status", "", 404, "MPT-HTTP-NOT-FOUND"},
		{"GET", "/api/v1/servers/", "", 404, "MPT-HTTP-NOT-FOUND"},
		{"POST", "/api/v1/servers/%2e%2e/enable", "", 404, "MPT-HTTP-NOT-FOUND"},
		{"GET", "/api/v1/servers/nobody", "", 404, "MPT-SERVER-UNKNOWN"},
		{"GET", "/api/v1/servers/linear/enable", "", 405, "MPT-HTTP-METHOD"},
		{"PUT", "/api/v1/servers/linear", "", 405, "MPT-HTTP-METHOD"},
		{"OPTIONS", "/api/v1/servers", "", 405, "MPT-HTTP-METHOD"},
		{"OPTIONS", "/mcp", "", 405, "MPT-HTTP-METHOD"},
		{"POST", "/api/v1/servers", big, 413, "MPT-HTTP-TOO-LARGE"},
		{"POST", "/api/v1/servers", "", 400, "MPT-HTTP-BODY"},
		{"POST", "/api/v1/servers", "{", 400, "MPT-HTTP-BODY"},
		{"POST", "/api/v1/servers", "[]", 400, "MPT-HTTP-BODY"},
		{"POST", "/api/v1/servers", "null", 400, "MPT-HTTP-BODY"},
		{"POST", "/api/v1/servers", `{"url":"x"}`, 400, "MPT-HTTP-BODY"},
		{"POST", "/api/v1/servers", `{"name":7}`, 400, "MPT-HTTP-BODY"},
		{"POST", "/api/v1/servers", `{"name":"a"} {}`, 400, "MPT-HTTP-BODY"},
		{"POST", "/api/v1/servers", `{"name":"a","name":"b"}`, 400, "MPT-HTTP-BODY"},
		{"POST", "/api/v1/servers", "{\"name\":\"\xff\"}", 400, "MPT-HTTP-BODY"},
		{"POST", "/api/v1/servers/new/approve", "", 400, "MPT-HTTP-BODY"},
		{"POST", "/api/v1/servers/new/approve", `{"launch_id":""}`, 400, "MPT-HTTP-BODY"},
		{"POST", "/api/v1/servers/new/approve", `{"launch_id":7}`, 400, "MPT-HTTP-BODY"},
		{"POST", "/api/v1/servers/new/approve", `{"Launch_ID":"77aa"}`, 400, "MPT-HTTP-BODY"},
		{"POST", "/api/v1/servers/new/approve", `{"launch_id":"a","launch_id":"77aa"}`, 400, "MPT-HTTP-BODY"},
		{"POST", "/api/v1/servers/new/approve", `{"launch_id":"77aa","all":true}`, 400, "MPT-HTTP-BODY"},
		{"POST", "/api/v1/show", "", 409, "MPT-UNAVAILABLE"},
		{"POST", "/api/v1/quit", "", 409, "MPT-UNAVAILABLE"},
	} {
		res := call(t, s, c.method, c.path, c.body)
		wantError(t, fmt.Sprintf("%s %s %.40q", c.method, c.path, c.body), res, c.status, c.code)
		if allow := res.Header.Get("Allow"); (allow != "") != (c.status == 405) {
			t.Errorf("%s %s: Allow %q", c.method, c.path, allow)
		}
	}
	for _, typ := range []string{"", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/jsonp", "application/json;;"} {
		r := httptest.NewRequestWithContext(t.Context(), "POST", "/api/v1/servers/linear/restart", strings.NewReader("{}"))
		r.Host = testAddr.String()
		r.Header.Set("Authorization", "Bearer "+adminToken)
		r.Header.Set("Content-Type", typ)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		wantError(t, "type "+typ, w.Result(), 415, "MPT-HTTP-TYPE")
	}
	if asked := cmds.take(nil); asked != nil {
		t.Errorf("commands were called: %q", asked)
	}
}

// TestChunkedBodyIsLimited: a body of undeclared length is cut at the limit.
func TestChunkedBodyIsLimited(t *testing.T) {
	_, cmds, addr := serve(t)
	r, err := http.NewRequestWithContext(t.Context(), "POST", "http://"+addr+"/api/v1/servers", io.LimitReader(spaces{}, maxAPIBytes+1))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+adminToken)
	r.Header.Set("Content-Type", "application/json; charset=utf-8")
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	wantError(t, "chunked", res, 413, "MPT-HTTP-TOO-LARGE")
	if asked := cmds.take(nil); asked != nil {
		t.Errorf("commands were called: %q", asked)
	}
}

type spaces struct{}

func (spaces) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

// wordedError has words of its own.
type wordedError struct{ error }

func (wordedError) Problem() stateview.Problem {
	return stateview.Problem{Code: "MPT-OWN", Text: "Own words.", Hint: "Own hint."}
}

func (e wordedError) Unwrap() error { return e.error }

func TestCommandErrors(t *testing.T) {
	s, cmds := newTest()
	secret := errors.New("open /home/me/secret: device lost")
	for _, c := range []struct {
		err    error
		status int
		code   string
	}{
		{ErrUnknownServer, 404, "MPT-SERVER-UNKNOWN"},
		{fmt.Errorf("approve: %w", ErrStale), 409, "MPT-STALE"},
		{ErrExists, 409, "MPT-SERVER-EXISTS"},
		{ErrInvalid, 422, "MPT-INVALID"},
		{ErrReadOnly, 409, "MPT-READ-ONLY"},
		{context.DeadlineExceeded, 503, "MPT-NOT-DONE"},
		{wordedError{ErrInvalid}, 422, "MPT-OWN"},
		{wordedError{secret}, 500, "MPT-OWN"},
		{secret, 500, "MPT-INTERNAL"},
	} {
		for _, target := range []struct{ method, path, body string }{
			{"POST", "/api/v1/servers/linear/enable", ""},
			{"POST", "/api/v1/servers/linear/disable", ""},
			{"POST", "/api/v1/servers/linear/restart", ""},
			{"POST", "/api/v1/servers/linear/approve", `{"launch_id":"1"}`},
			{"POST", "/api/v1/servers", `{"name":"linear"}`},
			{"DELETE", "/api/v1/servers/linear", ""},
		} {
			cmds.take(c.err)
			res := call(t, s, target.method, target.path, target.body)
			wantError(t, target.path+" "+c.err.Error(), res, c.status, c.code)
			if res.Header.Get("Location") != "" {
				t.Errorf("%s: an error with a Location", target.path)
			}
		}
	}
	if body := bodyOf(t, call(t, s, "POST", "/api/v1/servers/linear/enable", "")); strings.Contains(body, "secret") {
		t.Errorf("a raw error reached people: %s", body)
	}
}

func TestShowQuitReadyHead(t *testing.T) {
	var did []string
	ready := false
	s, _ := newTest(func(o *Options) {
		o.Show = func() { did = append(did, "show") }
		o.Quit = func() { did = append(did, "quit") }
		o.Ready = func() bool { return ready }
	})
	for _, path := range []string{"/api/v1/show", "/api/v1/quit"} {
		if res := call(t, s, "POST", path, ""); res.StatusCode != 200 {
			t.Errorf("%s: %s", path, res.Status)
		}
	}
	if !slices.Equal(did, []string{"show", "quit"}) {
		t.Errorf("did %q", did)
	}
	wantError(t, "not ready", call(t, s, "GET", "/readyz", ""), 503, "MPT-NOT-READY")
	ready = true
	for _, path := range []string{"/readyz", "/healthz", "/api/v1/status", "/api/v1/servers", "/api/v1/servers/linear", "/api/v1/events"} {
		res := call(t, s, "HEAD", path, "")
		if res.StatusCode != 200 || res.Header.Get("Cache-Control") != "no-store" || res.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("HEAD %s: %s %v", path, res.Status, res.Header)
		}
	}
}

func TestPanicIsAnswered(t *testing.T) {
	s, _ := newTest(func(o *Options) {
		o.MCP = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("broken") })
	})
	wantError(t, "panic", call(t, s, "POST", "/mcp", "{}"), 500, "MPT-INTERNAL")
	if res := call(t, s, "GET", "/api/v1/servers", ""); res.StatusCode != 200 {
		t.Errorf("afterwards: %s", res.Status)
	}
}

package httpapi

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
)

// goodHosts are the only ones that may pass, at port 7420.
var goodHosts = []string{"127.0.0.1:7420", "[::1]:7420", "localhost:7420"}

// badHosts are spellings of loopback, look-alikes and nonsense.
var badHosts = []string{
	"", "evil.com", "evil.com:7420", "127.0.0.1", "localhost", "[::1]", "::1", "::1:7420", "127.0.0.1:", "localhost:",
	"127.0.0.1:80", "127.0.0.1:7421", "127.0.0.1:07420", "127.0.0.1:7420:7420", "localhost:0", "localhost:65536", "[::1]:7421",
	"127.0.0.1.evil.com:7420", "localhost.evil.com:7420", "evil.com.localhost:7420", "a.localhost:7420", "localhost.:7420",
	"127.0.0.1.:7420", "LOCALHOST:7420", "Localhost:7420", "localhosT:7420", "localhost.localdomain:7420", "localhost6:7420",
	"127.1:7420", "127.0.1:7420", "127.0.0.2:7420", "127.127.127.127:7420", "0.0.0.0:7420", "0:7420", "0x7f.1:7420",
	"0x7f000001:7420", "2130706433:7420", "017700000001:7420", "0177.0.0.1:7420", "127.000.000.001:7420", "127.0.0.01:7420",
	"[::ffff:127.0.0.1]:7420", "[::ffff:7f00:1]:7420", "[0:0:0:0:0:0:0:1]:7420", "[::01]:7420", "[::]:7420", "[::1%25lo]:7420",
	"[::1%lo]:7420", "[fe80::1]:7420", "me@127.0.0.1:7420", "127.0.0.1:7420@evil.com", "127.0.0.1:7420, evil.com", "127.0.0.1:7420,localhost:7420",
	"127.0.0.1:7420.evil.com", "127.0.0.1:7420/", "127.0.0.1:7420#a", "127.0.0.1:7420?a", "http://127.0.0.1:7420", "192.168.1.2:7420",
	"10.0.0.1:7420", "169.254.169.254:7420", "host.docker.internal:7420", "ip6-localhost:7420", "loopback:7420", "nip.io:7420",
	"127.0.0.1.nip.io:7420", "localtest.me:7420", "xn--localhost:7420", "127-0-0-1.local:7420", "*:7420", "null", "*",
}

var badOrigins = []string{
	"", "null", "NULL", "http://evil.com", "https://evil.com", "http://evil.com:7420", "https://127.0.0.1:7420", "http://127.0.0.1",
	"http://127.0.0.1:80", "http://127.0.0.1:7421", "http://localhost:7420", "http://[::1]:7420", "http://127.0.0.1:7420/",
	"http://127.0.0.1:7420.evil.com", "http://127.0.0.1.evil.com:7420", "HTTP://127.0.0.1:7420", "http://127.0.0.1:7420 http://evil.com",
	"127.0.0.1:7420", "//127.0.0.1:7420", "ws://127.0.0.1:7420", "file://", "chrome-extension://abc", "vscode-webview://abc", "http://me@127.0.0.1:7420", "*",
}

var badSites = []string{"", "cross-site", "same-site", "same-origin, none", "SAME-ORIGIN", "null", "x"}

// targets lists each route of the router's own table with each of its methods,
// one it does not know, and OPTIONS.
func targets(s *Server) []string {
	var all []string
	for _, rt := range s.routes() {
		path := address(rt)
		for _, m := range []string{"GET", "HEAD", "POST", "DELETE", "PUT", "OPTIONS"} {
			all = append(all, m+" "+path)
		}
	}
	return all
}

// address returns one that the route answers.
func address(rt route) string {
	if rt.pattern == "/" {
		return "/no/such/page"
	}
	return strings.NewReplacer("{name}", "linear", "{code}", "ABC", "{$}", "").Replace(rt.pattern)
}

// unread is a body that must not be read.
type unread struct{ t *testing.T }

func (u unread) Read([]byte) (int, error) {
	u.t.Error("the body was read")
	return 0, io.ErrUnexpectedEOF
}

// try sends a request with the admin token and a body nobody may read.
func try(t *testing.T, s *Server, target string, change func(*http.Request)) *http.Response {
	t.Helper()
	method, path, _ := strings.Cut(target, " ")
	r := httptest.NewRequestWithContext(t.Context(), method, path, unread{t})
	r.Host = testAddr.String()
	r.Header.Set("Authorization", "Bearer "+adminToken)
	r.Header.Set("Content-Type", "application/json")
	change(r)
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	for name := range w.Result().Header {
		if strings.HasPrefix(name, "Access-Control") {
			t.Errorf("%s: header %s", target, name)
		}
	}
	return w.Result()
}

func refused(t *testing.T, what string, r *http.Response, code string) {
	t.Helper()
	wantError(t, what, r, http.StatusForbidden, code)
}

func TestFrontDoorRefusesForeignHosts(t *testing.T) {
	s, cmds := newTest()
	if len(badHosts) < 60 {
		t.Fatalf("only %d forms of a Host", len(badHosts))
	}
	for _, target := range targets(s) {
		for _, host := range badHosts {
			res := try(t, s, target, func(r *http.Request) { r.Host = host })
			refused(t, target+" host "+host, res, "MPT-HTTP-HOST")
		}
		res := try(t, s, target, func(r *http.Request) { r.RequestURI = "http://127.0.0.1:7420" + r.URL.Path })
		refused(t, target+" absolute", res, "MPT-HTTP-HOST")
	}
	if asked := cmds.take(nil); asked != nil {
		t.Errorf("commands were called: %q", asked)
	}
}

func TestFrontDoorRefusesForeignPages(t *testing.T) {
	s, cmds := newTest()
	for _, target := range targets(s) {
		for _, origin := range badOrigins {
			res := try(t, s, target, func(r *http.Request) { r.Header["Origin"] = []string{origin} })
			refused(t, target+" origin "+origin, res, "MPT-HTTP-ORIGIN")
		}
		for _, site := range badSites {
			res := try(t, s, target, func(r *http.Request) { r.Header["Sec-Fetch-Site"] = []string{site} })
			refused(t, target+" site "+site, res, "MPT-HTTP-ORIGIN")
		}
		for name, values := range map[string][]string{
			"Origin":         {"http://127.0.0.1:7420", "http://127.0.0.1:7420"},
			"Sec-Fetch-Site": {"none", "none"},
		} {
			res := try(t, s, target, func(r *http.Request) { r.Header[name] = values })
			refused(t, target+" two of "+name, res, "MPT-HTTP-ORIGIN")
		}
	}
	if asked := cmds.take(nil); asked != nil {
		t.Errorf("commands were called: %q", asked)
	}
}

func TestFrontDoorAdmits(t *testing.T) {
	s, _ := newTest()
	for _, host := range goodHosts {
		for _, headers := range []string{
			"", "Origin: http://" + host + "\n", "Sec-Fetch-Site: same-origin\n", "Sec-Fetch-Site: none\n",
		} {
			res := ask(t, s, "GET /api/v1/servers HTTP/1.1\nHost: "+host+"\nAuthorization: bearer "+adminToken+"\n"+headers+"\n")
			if res.StatusCode != 200 {
				t.Errorf("host %s %q: %s", host, headers, res.Status)
			}
		}
	}
}

// TestHostsOnTheWire sends the forms over a socket: what net/http itself
// refuses or rewrites must not open anything either.
func TestHostsOnTheWire(t *testing.T) {
	_, _, addr := serve(t)
	_, port, _ := net.SplitHostPort(addr)
	send := func(raw string) int {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
		if _, err := io.WriteString(conn, raw); err != nil {
			t.Fatal(err)
		}
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatalf("%q: %v", raw, err)
		}
		defer res.Body.Close()
		return res.StatusCode
	}
	auth := "Authorization: Bearer " + adminToken + "\r\n"
	for _, host := range badHosts {
		host = strings.ReplaceAll(host, "7420", port)
		if code := send("GET /healthz HTTP/1.1\r\nHost: " + host + "\r\n" + auth + "\r\n"); code != 400 && code != 403 {
			t.Errorf("host %q: %d", host, code)
		}
	}
	for name, head := range map[string]string{
		"no host":     "GET /healthz HTTP/1.1\r\n",
		"two hosts":   "GET /healthz HTTP/1.1\r\nHost: " + addr + "\r\nHost: evil.com\r\n",
		"http/1.0":    "GET /healthz HTTP/1.0\r\n",
		"absolute":    "GET http://evil.com/healthz HTTP/1.1\r\nHost: " + addr + "\r\n",
		"absolute 2":  "GET http://" + addr + "/healthz HTTP/1.1\r\nHost: evil.com\r\n",
		"authority":   "CONNECT " + addr + " HTTP/1.1\r\nHost: " + addr + "\r\n",
		"body unread": "POST /mcp HTTP/1.1\r\nHost: evil.com\r\nContent-Length: 1000\r\n", // answered although the body never comes
	} {
		if code := send(head + auth + "\r\n"); code != 400 && code != 403 {
			t.Errorf("%s: %d", name, code)
		}
	}
	if code := send("GET /healthz HTTP/1.1\r\nHost: " + addr + "\r\n\r\n"); code != 200 {
		t.Errorf("own host: %d", code)
	}
	if code := send("GET /healthz HTTP/1.1\r\nHost: " + addr + "\r\nX: " + strings.Repeat("a", maxHeaderBytes+8192) + "\r\n\r\n"); code != 431 {
		t.Errorf("large header: %d, want 431", code)
	}
}

// TestTokens is the table of who may do what.
func TestTokens(t *testing.T) {
	s, _ := newTest()
	open, _ := newTest(func(o *Options) { o.MCPOpen = func() bool { return true } })
	long := strings.Repeat("x", 4000)
	for _, rt := range s.routes() {
		path := address(rt)
		for header, want := range map[string][3]string{ // by scope: "" passes
			"":                           {"", "MPT-HTTP-NO-TOKEN", "MPT-HTTP-NO-TOKEN"},
			"Bearer " + adminToken:       {"", "", ""},
			"bearer " + adminToken:       {"", "", ""},
			"Bearer " + clientToken:      {"", "", "MPT-HTTP-SCOPE"},
			"Bearer " + adminToken + "x": {"", "MPT-HTTP-WRONG-TOKEN", "MPT-HTTP-WRONG-TOKEN"},
			"Bearer " + adminToken[:30]:  {"", "MPT-HTTP-WRONG-TOKEN", "MPT-HTTP-WRONG-TOKEN"},
			"Bearer " + long:             {"", "MPT-HTTP-WRONG-TOKEN", "MPT-HTTP-WRONG-TOKEN"},
			"Bearer ":                    {"", "MPT-HTTP-WRONG-TOKEN", "MPT-HTTP-WRONG-TOKEN"},
			"Bearer":                     {"", "MPT-HTTP-WRONG-TOKEN", "MPT-HTTP-WRONG-TOKEN"},
			adminToken:                   {"", "MPT-HTTP-WRONG-TOKEN", "MPT-HTTP-WRONG-TOKEN"},
			"Basic " + adminToken:        {"", "MPT-HTTP-WRONG-TOKEN", "MPT-HTTP-WRONG-TOKEN"},
			"Bearer " + adminToken + ", Bearer " + "": {"", "MPT-HTTP-WRONG-TOKEN", "MPT-HTTP-WRONG-TOKEN"},
		} {
			for name, srv := range map[string]*Server{"": s, "open ": open} {
				want := want[min(rt.scope, scopeAdmin)] // a page is the administrator's; its session is tested beside it
				if srv == open && rt.scope == scopeClient {
					want = ""
				}
				raw := "PATCH " + path + " HTTP/1.1\nHost: 127.0.0.1:7420\n"
				if header != "" {
					raw += "Authorization: " + header + "\n"
				}
				res := ask(t, srv, raw+"\n")
				what := fmt.Sprintf("%s%s with %.50q", name, path, header)
				if want == "" { // PATCH is for nobody
					want = "MPT-HTTP-METHOD"
					if rt.pattern == "/" {
						want = "MPT-HTTP-NOT-FOUND"
					}
				}
				status := map[string]int{"MPT-HTTP-NO-TOKEN": 401, "MPT-HTTP-WRONG-TOKEN": 401, "MPT-HTTP-SCOPE": 403, "MPT-HTTP-METHOD": 405, "MPT-HTTP-NOT-FOUND": 404}[want]
				wantError(t, what, res, status, want)
				if got := res.Header.Get("WWW-Authenticate"); (status == 401) != (got != "") {
					t.Errorf("%s: WWW-Authenticate %q", what, got)
				}
			}
		}
	}
}

func TestTokenOddities(t *testing.T) {
	s, _ := newTest()
	two := "GET /api/v1/servers HTTP/1.1\nHost: 127.0.0.1:7420\nAuthorization: Bearer " + adminToken + "\nAuthorization: Bearer " + adminToken + "\n\n"
	wantError(t, "two headers", ask(t, s, two), 401, "MPT-HTTP-WRONG-TOKEN")
	for _, key := range []string{"token", "TOKEN", "access_token", "api_key", "%74oken"} {
		wantError(t, key, call(t, s, "GET", "/api/v1/servers?a=b&"+key+"="+adminToken, ""), 400, "MPT-HTTP-URL-TOKEN")
	}
	none, _ := newTest(func(o *Options) { o.Tokens = Tokens{} })
	for _, header := range []string{"Bearer ", "Bearer " + adminToken} {
		wantError(t, "no tokens "+header, ask(t, none, "GET /api/v1/servers HTTP/1.1\nHost: 127.0.0.1:7420\nAuthorization: "+header+"\n\n"), 401, "MPT-HTTP-WRONG-TOKEN")
	}
}

func TestListenRefuses(t *testing.T) {
	used, err := Listen("localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	defer used.Close()
	for addr, code := range map[string]string{
		used.Addr().String(): "MPT-PORT-IN-USE",
		"0.0.0.0:0":          "MPT-LISTEN-PUBLIC",
		":0":                 "MPT-LISTEN-PUBLIC",
		"[::]:0":             "MPT-LISTEN-PUBLIC",
		"192.168.1.2:0":      "MPT-LISTEN-PUBLIC",
		"evil.com:0":         "MPT-LISTEN-PUBLIC",
		"127.0.0.2:0":        "MPT-LISTEN-PUBLIC",
		"7420":               "MPT-LISTEN",
		"":                   "MPT-LISTEN",
		"127.0.0.1:99999":    "MPT-LISTEN",
		"127.0.0.1:x":        "MPT-LISTEN",
	} {
		ln, err := Listen(addr)
		if err == nil {
			ln.Close()
			t.Errorf("Listen(%q) worked", addr)
			continue
		}
		e, ok := errors.AsType[*ListenError](err)
		if !ok {
			t.Errorf("Listen(%q) = %v, want a *ListenError", addr, err)
			continue
		}
		p := e.Problem()
		if p.Code != code || p.Hint == "" || !strings.Contains(p.Text, addr) || e.InUse() != (code == "MPT-PORT-IN-USE") {
			t.Errorf("Listen(%q): %+v, want %s", addr, p, code)
		}
	}
}

// TestPortEighty: clients leave out the port that is a scheme's own.
func TestPortEighty(t *testing.T) {
	d := newDoor(Options{Addr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80}})
	if !slices.Contains(d.hosts, "localhost") || slices.Contains(newDoor(Options{Addr: testAddr}).hosts, "localhost") {
		t.Errorf("hosts = %q", d.hosts)
	}
}

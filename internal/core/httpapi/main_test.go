package httpapi

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"mcpproxy-tray/internal/stateview"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	adminToken  = "admin-0123456789abcdef0123456789abcdef"
	clientToken = "client-0123456789abcdef0123456789abcde"
)

// fakeCommands notes what it was asked and answers with err.
type fakeCommands struct {
	mu    sync.Mutex // guards asked and err
	asked []string
	err   error
}

func (f *fakeCommands) note(parts ...string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, strings.Join(parts, " "))
	return f.err
}

func (f *fakeCommands) SetEnabled(_ context.Context, name string, on bool) error {
	if on {
		return f.note("enable", name)
	}
	return f.note("disable", name)
}
func (f *fakeCommands) Restart(_ context.Context, name string) error { return f.note("restart", name) }
func (f *fakeCommands) Approve(_ context.Context, name, id string) error {
	return f.note("approve", name, id)
}
func (f *fakeCommands) ApproveForReview(_ context.Context, name, id string) error {
	return f.note("approve for review", name, id)
}
func (f *fakeCommands) ApproveTools(_ context.Context, name string, tools []HeldTool) error {
	return f.note("approve tools", name, fmt.Sprint(tools))
}
func (f *fakeCommands) Add(_ context.Context, name string, entry json.RawMessage) error {
	return f.note("add", name, string(entry))
}
func (f *fakeCommands) Remove(_ context.Context, name string) error { return f.note("remove", name) }

// take returns what was asked since the last take, and sets the next answers.
func (f *fakeCommands) take(next error) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	asked := f.asked
	f.asked, f.err = nil, next
	return asked
}

var testAddr = &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 7420}

// sampleView has one server for each shape of a status, at version 1.
func sampleView() *stateview.View {
	at := time.Date(2026, 11, 22, 9, 30, 0, 0, time.UTC)
	v := stateview.New()
	v.Update(func(b *stateview.Batch) {
		b.UpdateServer("filesystem", func(st *stateview.ServerStatus) {
			st.State, st.Enabled, st.Since, st.Transport = stateview.Connected, true, at, stateview.Stdio
			st.Protocol, st.PID = "2025-11-25", 4711
			st.Tools = stateview.NewToolList([]stateview.Tool{
				{Name: "read", Definition: `{"name":"read","title":"Read","description":"Reads a file.","inputSchema":{"type":"object"}}`},
				{Name: "write", Definition: `{"name":"write","description":"Writes a file.","inputSchema":{"type":"object"}}`, Held: true, Hash: "t1:5e1d"},
			})
			st.SetLaunch(stateview.Launch{Line: "npx -y @modelcontextprotocol/server-filesystem /home/me/notes", ID: "9f2c"})
		})
		b.UpdateServer("linear", func(st *stateview.ServerStatus) {
			st.State, st.Enabled, st.Since, st.Transport = stateview.Backoff, true, at, stateview.HTTP
			st.Attempt, st.RetryAt = 3, at.Add(8*time.Second)
			st.SetProblem(stateview.Problem{Code: "MPT-REFUSED", Text: "The server refused the connection.", Hint: "Is it running?", Action: "restart", Since: at})
		})
		b.UpdateServer("old", func(st *stateview.ServerStatus) { st.Since = at })
		b.UpdateServer("new", func(st *stateview.ServerStatus) {
			st.State, st.Enabled, st.Since = stateview.Quarantined, true, at
			st.SetLaunch(stateview.Launch{Line: "uvx thing", ID: "77aa"})
		})
	})
	return v
}

// newTest returns a server at testAddr with sampleView.
func newTest(change ...func(*Options)) (*Server, *fakeCommands) {
	cmds := &fakeCommands{}
	o := Options{
		View: sampleView(), Commands: cmds, Addr: testAddr,
		Tokens: Tokens{Client: clientToken, Admin: adminToken},
		Status: func() Status {
			return Status{Program: "0.1.0", URL: URL(testAddr), Tray: Tray{Running: true}, Problems: []stateview.Problem{
				{Code: "MPT-CONFIG", Text: "The configuration file has an error in line 3.", Action: "edit_config"},
			}}
		},
		History: sampleHistory(),
		Metrics: func(w io.Writer) error {
			_, err := io.WriteString(w, "# EOF\n")
			return err
		},
		MCP: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) }),
	}
	for _, f := range change {
		f(&o)
	}
	return New(o), cmds
}

// ask sends one raw request (lines end in \n) to the handler, without a socket.
func ask(t *testing.T, h http.Handler, raw string) *http.Response {
	t.Helper()
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(strings.ReplaceAll(raw, "\n", "\r\n"))))
	if err != nil {
		t.Fatalf("%q: %v", raw, err)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r.WithContext(t.Context()))
	return w.Result()
}

// call asks with the admin token; body may be empty.
func call(t *testing.T, h http.Handler, method, path, body string) *http.Response {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	r.Host = testAddr.String()
	r.Header.Set("Authorization", "Bearer "+adminToken)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func bodyOf(t *testing.T, r *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// wantError checks status, code and the shape of an error.
func wantError(t *testing.T, what string, r *http.Response, status int, code string) {
	t.Helper()
	body := bodyOf(t, r)
	var doc struct {
		Error struct{ Code, Text, Hint string }
	}
	if err := json.Unmarshal([]byte(body), &doc); err != nil {
		t.Errorf("%s: body %q is not JSON: %v", what, body, err)
		return
	}
	if r.StatusCode != status || doc.Error.Code != code || doc.Error.Text == "" {
		t.Errorf("%s: %d %q, want %d %s with a text", what, r.StatusCode, body, status, code)
	}
	if got := r.Header.Get("Content-Type"); got != "application/json" {
		t.Errorf("%s: Content-Type %q", what, got)
	}
}

// serve runs a server on a real socket until the test ends.
func serve(t *testing.T, change ...func(*Options)) (*Server, *fakeCommands, string) {
	t.Helper()
	ln, err := Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s, cmds := newTest(append(change, func(o *Options) { o.Addr = ln.Addr() })...)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := s.Serve(ctx, ln); err != nil {
			t.Errorf("Serve() = %v", err)
		}
	})
	t.Cleanup(func() {
		cancel()
		wg.Wait()
	})
	return s, cmds, ln.Addr().String()
}

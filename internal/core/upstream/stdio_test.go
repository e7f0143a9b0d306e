package upstream

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"mcpproxy-tray/internal/stateview"
)

func TestHandshakeOfBothEras(t *testing.T) {
	for _, tt := range []struct{ mode, protocol string }{
		{"sdk", "2026-07-28"},
		{"modern", "2026-07-28"},
		{"old", "2025-06-18"},
		{"banner", "2025-06-18"},
		{"silent", "2025-06-18"},
		{"flood", "2025-06-18"},
	} {
		t.Run(tt.mode, func(t *testing.T) {
			s := connect(t, testConnector(), childOf(tt.mode))
			var st stateview.ServerStatus
			s.Describe(&st)
			if st.Transport != stateview.Stdio || st.Protocol != tt.protocol || st.PID <= 0 {
				t.Errorf("Describe: %+v, want protocol %s", st, tt.protocol)
			}
			if names := toolNames(t, s); len(names) != 2 {
				t.Errorf("tools = %q, want two", names)
			}
		})
	}
}

func TestSilentServerIsNotProbedTwice(t *testing.T) {
	c := testConnector()
	c.Timeouts.Probe = 2 * time.Second
	for i, atLeast := range []time.Duration{c.Timeouts.Probe, 0} {
		began := time.Now()
		connect(t, c, childOf("silent"))
		took := time.Since(began)
		if took < atLeast || i == 1 && took >= c.Timeouts.Probe {
			t.Errorf("connection %d took %v", i, took)
		}
	}
}

func TestServerThatDiesOfDiscover(t *testing.T) {
	c := testConnector()
	_, err := c.Connect(t.Context(), childOf("dies"))
	wantProblem(t, err, "MPT-EXIT-EARLY", "exit")
	connect(t, c, childOf("dies")) // greeted the old way now
}

func TestResultsAreTheServersBytes(t *testing.T) {
	s := connect(t, testConnector(), childOf("old"))
	if got := result(t, s, "tools/call", `{"name":"odd"}`); got != oddResult {
		t.Errorf("result\n %s, want\n %s", got, oddResult)
	}
	_, rpcErr, err := ask(t.Context(), s, "tools/call", json.RawMessage(`{"name":"refuse"}`))
	if want := `{"message":"no","data":{"n":12345678901234567890},"code":-32050}`; err != nil || string(rpcErr) != want {
		t.Errorf("error %s, %v, want %s", rpcErr, err, want)
	}
	tools, err := s.Tools(t.Context())
	if err != nil || len(tools) != 2 || tools[0].Definition != oddTool || tools[1].Name != "last" {
		t.Errorf("Tools = %v, %v", tools, err)
	}
}

var ourToken = regexp.MustCompile(`"progressToken":"r[1-9][0-9]*"`)

func TestParamsAreTheClientsBytes(t *testing.T) {
	const vendor = `{ "a":12345678901234567890, "_meta" : {"progressToken":1,"x.y/z":"\u0041"},"z":"\/"}`
	const modernMeta = `"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"mcpproxy-tray","version":"test"},"io.modelcontextprotocol/clientCapabilities":{}`
	const reserved = `{"_meta":{"io.modelcontextprotocol/logLevel":"debug","k":1,"io.modelcontextprotocol/clientCapabilities":{"roots":{}}}}`
	for _, tt := range []struct{ mode, in, want string }{
		{"old", vendor, vendor},
		{"old", "", `"absent"`}, {"old", `{}`, `{}`},
		{"old", reserved, `{"_meta":{"k":1}}`},
		{"old", "{\n\"a\": 1}", `{ "a": 1}`},
		{"modern", "", `{"_meta":{` + modernMeta + `}}`},
		{"modern", reserved, `{"_meta":{` + modernMeta + `,"k":1}}`},
		{"modern", `{"a":1}`, `{"_meta":{` + modernMeta + `},"a":1}`},
		{"modern", vendor, `{ "a":12345678901234567890, "_meta" : {` + modernMeta + `,"progressToken":1,"x.y/z":"\u0041"},"z":"\/"}`},
	} {
		s := connect(t, testConnector(), childOf(tt.mode))
		got := ourToken.ReplaceAllString(result(t, s, "params", tt.in), `"progressToken":1`) // the one thing that is not
		if want := `{"params":` + tt.want + `}`; got != want {
			t.Errorf("%s: %s arrived as\n %s, want\n %s", tt.mode, tt.in, got, want)
		}
	}
}

func TestParamsThatAreNoObject(t *testing.T) {
	s := connect(t, testConnector(), childOf("old"))
	for _, params := range []string{`[1]`, `{"a":}`, "{}\n{}"} {
		if _, _, err := ask(t.Context(), s, "params", json.RawMessage(params)); err == nil {
			t.Errorf("params %s were sent", params)
		}
	}
}

func TestStrayRepliesAreIgnored(t *testing.T) {
	s := connect(t, testConnector(), childOf("old"))
	for range 3 {
		if got := result(t, s, "tools/call", `{"name":"stray"}`); got != `{"once":true}` {
			t.Errorf("result = %s", got)
		}
	}
}

func TestListChangedIsSignalled(t *testing.T) {
	s := connect(t, testConnector(), childOf("sdk"))
	before := toolNames(t, s)
	result(t, s, "tools/call", `{"name":"grow","arguments":{}}`)
	await(t, s.Changed(), "list_changed")
	if after := toolNames(t, s); len(after) != len(before)+1 {
		t.Errorf("tools = %q after %q", after, before)
	}
}

func TestEndlessListIsRefused(t *testing.T) {
	s := connect(t, testConnector(), childOf("endless"))
	_, err := s.Tools(t.Context())
	wantProblem(t, err, "MPT-BAD-LIST", "protocol")
}

func TestTooLargeAnswerFailsOnlyItsCall(t *testing.T) {
	c := testConnector()
	c.MaxBytes = 1 << 20
	s := connect(t, c, childOf("old"))
	for _, name := range []string{"huge", "hugelast"} {
		_, _, err := ask(t.Context(), s, "tools/call", json.RawMessage(`{"name":"`+name+`"}`))
		wantProblem(t, err, "MPT-TOO-LARGE", "protocol")
	}
	if got := result(t, s, "tools/call", `{"name":"odd"}`); got != oddResult {
		t.Errorf("result after it = %s", got)
	}
}

func TestCancelledCall(t *testing.T) {
	s := connect(t, testConnector(), childOf("old"))
	ctx, cancel := context.WithCancelCause(t.Context())
	mine := errors.New("client went away")
	time.AfterFunc(50*time.Millisecond, func() { cancel(mine) })
	_, _, err := ask(ctx, s, "tools/call", json.RawMessage(`{"name":"hang"}`))
	if !errors.Is(err, mine) {
		t.Errorf("error = %v, want the cause", err)
	}
	await(t, s.Changed(), "the server to see the cancellation")
	result(t, s, "tools/call", `{"name":"odd"}`)
}

func TestEachCallInFlightGetsOneError(t *testing.T) {
	s := connect(t, testConnector(), childOf("old+grandchild"))
	const calls = 100
	errs := make(chan error, 2*calls)
	var wg sync.WaitGroup
	for range calls {
		wg.Go(func() {
			_, _, err := ask(context.Background(), s, "tools/call", json.RawMessage(`{"name":"hang"}`))
			errs <- err
		})
	}
	waitFor(t, "all calls to be sent", func() bool { return waiting(s) == calls })
	began := time.Now()
	if err := s.child.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	took := time.Since(began)
	close(errs)
	n := 0
	for err := range errs {
		n++
		wantProblem(t, err, "MPT-EXIT", "exit")
	}
	if n != calls || took > 500*time.Millisecond {
		t.Errorf("%d answers within %v", n, took)
	}
	if _, _, err := ask(t.Context(), s, "tools/list", nil); err == nil {
		t.Error("a request after the end succeeded")
	}
}

func TestTenThousandCallsAtOnce(t *testing.T) {
	s := connect(t, testConnector(), childOf("echo"))
	const calls = 10_000
	var answered atomic.Int64
	var wg sync.WaitGroup
	for n := range calls {
		wg.Go(func() {
			text := strconv.Itoa(n)
			result, _, err := ask(t.Context(), s, "tools/call", json.RawMessage(`{"name":"echo","arguments":{"text":"`+text+`"}}`))
			if err != nil || !strings.Contains(string(result), `"text":"`+text+`"`) {
				t.Errorf("call %d: %s, %v", n, result, err)
				return
			}
			answered.Add(1)
		})
	}
	wg.Wait()
	if answered.Load() != calls {
		t.Errorf("%d answered of %d", answered.Load(), calls)
	}
}

func TestServerThatAnswersNothingGetsNoMoreCalls(t *testing.T) {
	s := connect(t, testConnector(), childOf("old"))
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for range maxWaitingChild {
		wg.Go(func() { _, _, _ = ask(ctx, s, "tools/call", json.RawMessage(`{"name":"hang"}`)) })
	}
	waitFor(t, "the calls to wait", func() bool { return waiting(s) == maxWaitingChild })
	_, _, err := ask(t.Context(), s, "tools/call", json.RawMessage(`{"name":"odd"}`))
	wantProblem(t, err, "MPT-SERVER-BUSY", "network")
	wantUnsent(t, err, true)
	if err := s.Ping(t.Context()); err != nil {
		t.Errorf("it cannot be asked whether it is there: %v", err)
	}
	cancel()
	wg.Wait()
	result(t, s, "tools/call", `{"name":"odd"}`)
}

func waiting(s *Session) int {
	s.wire.mu.Lock()
	defer s.wire.mu.Unlock()
	return len(s.wire.waiting)
}

func waitFor(tb testing.TB, what string, ok func() bool) {
	tb.Helper()
	for until := time.Now().Add(20 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(until) {
			tb.Fatal("waited in vain for " + what)
		}
	}
}

func TestKillIsNoticedAtOnce(t *testing.T) {
	for mode, kills := range map[string]int{"old": 60, "old+grandchild": 12} {
		var times []time.Duration
		for range kills {
			s := connect(t, testConnector(), childOf(mode))
			began := time.Now()
			if err := s.child.cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			p := wantProblem(t, ended(t, s), "MPT-EXIT", "exit")
			times = append(times, time.Since(began))
			if !strings.Contains(p.Text, "SIGKILL") {
				t.Errorf("text %q does not name the signal", p.Text)
			}
			s.Close()
		}
		slices.Sort(times)
		t.Logf("%s: median %v, worst %v of %d", mode, times[len(times)/2], times[len(times)-1], len(times))
		if worst := times[len(times)-1]; worst > 500*time.Millisecond {
			t.Errorf("%s: a killed server was noticed after %v only", mode, worst)
		}
	}
}

func TestServerLogGetsWhatIsNoMessage(t *testing.T) {
	c := testConnector()
	r, w := io.Pipe()
	c.ServerLog = func(string) io.Writer { return w }
	text := make(chan string, 1)
	go func() { b, _ := io.ReadAll(r); text <- string(b) }()
	s := connect(t, c, childOf("banner"))
	result(t, s, "tools/call", `{"name":"odd"}`)
	s.Close()
	got := await(t, text, "the log to be closed")
	for _, want := range []string{"Server 1.0", "{not json}", "[1,2]"} {
		if !strings.Contains(got, want) {
			t.Errorf("log %q lacks %q", got, want)
		}
	}
}

package upstream

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"
	"unicode/utf16"
)

// banners are what servers and their launchers really write to stdout.
var banners = map[string]string{
	"npm notice":        "npm notice\nnpm notice New minor version of npm available! 10.8.2 -> 10.9.0\nnpm notice To update run: npm install -g npm@10.9.0\nnpm notice\n",
	"npm warn":          "npm warn deprecated inflight@1.0.6: This module is not supported, and leaks memory.\n",
	"npm run":           "\n> server@1.2.0 start\n> node dist/index.js\n\n",
	"yarn":              "yarn run v1.22.22\n$ node index.js\n",
	"pnpm":              "Progress: resolved 91, reused 90, downloaded 1, added 91, done\n",
	"bun":               "$ bun run src/index.ts\n",
	"dotenv":            "[dotenv@17.2.1] injecting env (3) from .env -- tip: \U0001f510 encrypt with Dotenvx: https://dotenvx.com\n",
	"python warning":    "/usr/lib/python3/dist-packages/requests/__init__.py:87: RequestsDependencyWarning: urllib3 doesn't match\n  warnings.warn(\n",
	"python traceback":  "Traceback (most recent call last):\n  File \"s.py\", line 3, in <module>\nKeyError: {'a': 1}\n",
	"python dict":       "{'level': 'info', 'msg': 'ready'}\n",
	"fastmcp":           "╭─ FastMCP 2.0 ─────────╮\n│ \U0001f5a5  Server name: demo │\n╰──────────────────────╯\n",
	"uvicorn":           "INFO:     Started server process [4711]\nINFO:     Waiting for application startup.\n",
	"pip":               "WARNING: Running pip as the 'root' user can result in broken permissions\n",
	"uv":                "Installed 34 packages in 51ms\n",
	"docker pull":       "latest: Pulling from mcp/fetch\r\n\x1b[1A\x1b[2K\r7264a8db6415: Pull complete\r\n",
	"spring":            "  .   ____          _            __ _ _\n /\\\\ / ___'_ __ _ _(_)_ __  __ _ \\ \\ \\ \\\n :: Spring Boot ::  (v3.3.0)\n",
	"java log":          "2025-01-01T00:00:00.000Z  INFO 1 --- [main] o.s.b.Application : Started in 1.2 seconds\n",
	"json log":          `{"level":30,"time":1735689600000,"msg":"listening"}` + "\n",
	"json log nested":   `{"severity":"INFO","ctx":{"id":7},"message":"ok"}` + "\n",
	"json array":        "[1,2]\n[]\n",
	"json scalars":      "null\ntrue\n42\n\"ready\"\n",
	"half json":         `{"jsonrpc":"2.0","id":` + "\n",
	"ansi colour":       "\x1b[32m✔\x1b[0m ready\n",
	"ansi before":       "\x1b[?25l\x1b[2J\x1b[H",
	"title before":      "\x1b]0;my server\a\x1b]8;;http://x\x1b\\",
	"spinner before":    "\x1b[K⠋ loading\r\x1b[K⠙ loading\r\x1b[K",
	"bom":               "\xef\xbb\xbf",
	"bom and line":      "\xef\xbb\xbfServer 1.0\n",
	"crlf":              "Server 1.0\r\nready\r\n\r\n",
	"utf-16 le":         utf16Text("Server läuft\r\n", false),
	"utf-16 be":         utf16Text("Server läuft\r\n", true),
	"latin-1":           "Server l\xe4uft auf Stra\xdfe\n",
	"nul":               "\x00\x00\n\x00",
	"blank lines":       "\n\n   \n\t\n\r\n",
	"form feed":         "\f\v\n",
	"powershell":        "WARNING: The names of some imported commands include unapproved verbs.\r\n",
	"go panic recovery": "2025/01/01 00:00:00 http: superfluous response.WriteHeader call\n",
	"long line":         strings.Repeat("=", 100_000) + "\n",
	"hundred lines":     strings.Repeat("loading module…\n", 100),
}

func utf16Text(s string, big bool) string {
	b := []byte("\xff\xfe")
	if big {
		b = []byte("\xfe\xff")
	}
	for _, u := range utf16.Encode([]rune(s)) {
		if big {
			b = append(b, byte(u>>8), byte(u))
		} else {
			b = append(b, byte(u), byte(u>>8))
		}
	}
	return string(b)
}

// readOutput reads what a process that is not there wrote.
func readOutput(tb testing.TB, w *wire, maxBytes int, stdout io.Reader, log io.Writer) error {
	tb.Helper()
	c := &child{wire: w, log: log}
	return c.readStdout(stdout, maxBytes)
}

// discard is a carrier that sends nothing.
type discard struct{}

func (discard) send(context.Context, message) error { return nil }

func quietWire(tb testing.TB) *wire {
	w := newWire(tb.Context(), slog.New(slog.DiscardHandler), time.Minute)
	w.carrier = discard{}
	return w
}

func TestMessagesBehindBanners(t *testing.T) {
	if len(banners) < 30 {
		t.Fatalf("only %d banners", len(banners))
	}
	const result = `{"content":[{"type":"text","text":"ä"}]}`
	for name, banner := range banners {
		for _, end := range []string{"\n", "\r\n", "\x1b[0m\n", ""} {
			w := quietWire(t)
			id, answer, err := register(w)
			if err != nil {
				t.Fatal(err)
			}
			var log bytes.Buffer
			text := fmt.Sprintf(`%s{"jsonrpc":"2.0","id":"r%d","result":%s}%s`, banner, id, result, end)
			if err := readOutput(t, w, 1<<20, strings.NewReader(text), &log); err != io.EOF {
				t.Errorf("%s: %v", name, err)
			}
			select {
			case r := <-answer:
				if string(r.result) != result {
					t.Errorf("%s: result %s, %s", name, r.result, r.err)
				}
			default:
				t.Errorf("%s: message with end %q was not found", name, end)
			}
			n := w.counts.read()
			lines := strings.Count(strings.TrimSpace(log.String()), "\n") + min(1, len(strings.TrimSpace(log.String())))
			if n.StrayReplies != 0 || int(n.SkippedLines) < min(1, lines) || int(n.SkippedLines) > lines+2 || n.DroppedBytes < uint64(log.Len()) {
				t.Errorf("%s: counts %+v for %d lines of log", name, n, lines)
			}
		}
	}
}

func TestBannerIsWarnedOfOnce(t *testing.T) {
	var log bytes.Buffer
	w := newWire(t.Context(), slog.New(slog.NewTextHandler(&log, nil)), time.Minute)
	if err := readOutput(t, w, 1<<20, strings.NewReader(strings.Repeat("secret banner\n", 500)), nil); err != io.EOF {
		t.Fatal(err)
	}
	if n := strings.Count(log.String(), "\n"); n != 1 || strings.Contains(log.String(), "secret") {
		t.Errorf("%d lines of log: %.300s", n, log.String())
	}
}

func TestTooMuchJunkIsNoServer(t *testing.T) {
	note := `{"jsonrpc":"2.0","method":"x"}` + "\n"
	for _, tt := range []struct {
		name, text string
		gone       bool
	}{
		{"1,000 lines", strings.Repeat("x\n", 1000), false},
		{"1,001 lines", strings.Repeat("x\n", 1001), true},
		{"1 MB", strings.Repeat(strings.Repeat("x", 1023)+"\n", 1<<10), true},
		{"messages between", strings.Repeat(strings.Repeat("x\n", 900)+note, 20), false},
		{"one long line", strings.Repeat("x", 3<<20) + "\n", false},
	} {
		limit := 1 << 20
		if tt.name == "1 MB" {
			tt.text += "x\n"
		}
		err := readOutput(t, quietWire(t), limit, strings.NewReader(tt.text), nil)
		if tt.gone {
			wantProblem(t, err, "MPT-NOT-MCP-OUTPUT", "protocol")
		} else if err != io.EOF {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

func TestTooDeepAnswerFailsOnlyItsCall(t *testing.T) {
	s := connect(t, testConnector(), childOf("old"))
	for _, name := range []string{"deep", "deeplast", "deepobject"} {
		_, _, err := ask(t.Context(), s, "tools/call", json.RawMessage(`{"name":"`+name+`"}`))
		wantProblem(t, err, "MPT-TOO-DEEP", "protocol")
	}
	if got := result(t, s, "tools/call", `{"name":"odd"}`); got != oddResult {
		t.Errorf("result after it = %s", got)
	}
	if n := s.Counts(); n.DroppedBytes < 3e6 || n.SkippedLines+n.StrayReplies != 0 {
		t.Errorf("counts = %+v", n)
	}
}

func TestTooDeepHandshakeSaysSo(t *testing.T) {
	_, err := testConnector().Connect(t.Context(), childOf("deepgreeting"))
	wantProblem(t, err, "MPT-TOO-DEEP", "protocol")
}

func TestEndlessLineFailsItsCallAtOnce(t *testing.T) {
	c := testConnector()
	c.MaxBytes = 1 << 20
	s := connect(t, c, childOf("old"))
	_, _, err := ask(t.Context(), s, "tools/call", json.RawMessage(`{"name":"endlessline"}`))
	wantProblem(t, err, "MPT-TOO-LARGE", "protocol")
	if s.wire.cause() != nil {
		t.Error("the session ended")
	}
}

func TestStrayRepliesAreCounted(t *testing.T) {
	s := connect(t, testConnector(), childOf("old"))
	result(t, s, "tools/call", `{"name":"stray"}`)
	result(t, s, methodPing, "") // all that came before it was read
	if n := s.Counts(); n.StrayReplies != 3 || n.SkippedLines != 0 {
		t.Errorf("counts = %+v, want 3 stray replies", n)
	}
}

// A floodReader says the same line n times.
type floodReader struct {
	line []byte
	n    int
	rest []byte
}

func (f *floodReader) Read(p []byte) (n int, err error) {
	for n < len(p) {
		if len(f.rest) == 0 {
			if f.n == 0 {
				return n, io.EOF
			}
			f.n--
			f.rest = f.line
		}
		k := copy(p[n:], f.rest)
		f.rest, n = f.rest[k:], n+k
	}
	return n, nil
}

func TestFloodOfChangesIsOneSignal(t *testing.T) {
	w := quietWire(t)
	flood := &floodReader{line: []byte(`{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}` + "\n"), n: 10_000}
	if err := readOutput(t, w, 1<<20, flood, nil); err != io.EOF {
		t.Fatal(err)
	}
	<-w.changed
	select {
	case <-w.changed:
		t.Error("two signals")
	default:
	}
}

func TestSkippedNotificationsCostNoMemory(t *testing.T) {
	w := quietWire(t)
	line := []byte(`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"t","progress":1}}`)
	if n := testing.AllocsPerRun(1000, func() {
		if _, err := w.deliver(line, false); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations for a notification that nobody needs", n)
	}
}

func BenchmarkSkippedNotification(b *testing.B) {
	line := []byte(`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"t","progress":1,"message":"working"}}` + "\n")
	w := quietWire(b)
	b.ReportAllocs()
	b.SetBytes(int64(len(line)))
	if err := readOutput(b, w, 1<<20, &floodReader{line: line, n: b.N}, nil); err != io.EOF {
		b.Fatal(err)
	}
}

// FuzzLines checks the reader of lines against cutting the whole text at once.
func FuzzLines(f *testing.F) {
	f.Add([]byte("a\nbb\n\nccc"), uint16(2), uint8(1))
	f.Add([]byte(strings.Repeat("x", 70_000)+"\ny\n"), uint16(3), uint8(200))
	f.Add([]byte(strings.Repeat("x", 70_000)+"\ny"), uint16(65535), uint8(0))
	f.Add([]byte(strings.Repeat("{\"id\":\"r1\"}\n", 9_000)), uint16(100), uint8(7))
	f.Fuzz(func(t *testing.T, text []byte, limit uint16, step uint8) {
		l := newLineReader(&stepReader{text, int(step) + 1}, int(limit))
		rest := text
		for {
			line, _, err := l.next()
			end := bytes.IndexByte(rest, '\n') + 1
			if end == 0 {
				end = len(rest)
			}
			want := rest[:end]
			rest = rest[end:]
			if _, long := err.(*longLine); long {
				foot, size, skipErr := l.skip()
				if size != len(want) || size <= int(limit) || !bytes.HasSuffix(want, foot) {
					t.Fatalf("skipped %d of %d with foot %q", size, len(want), foot)
				}
				line, err = want, skipErr
			} else if len(bytes.TrimSuffix(want, []byte("\n"))) > int(limit)+1 {
				t.Fatalf("a line of %d was read, limit %d", len(want), limit)
			}
			if !bytes.Equal(line, want) {
				t.Fatalf("line %q, want %q", line, want)
			}
			if err != nil {
				if err != io.EOF || len(rest) > 0 {
					t.Fatalf("%v with %d bytes left", err, len(rest))
				}
				return
			}
		}
	})
}

// A stepReader gives few bytes at a time, more and more.
type stepReader struct {
	text []byte
	step int
}

func (r *stepReader) Read(p []byte) (int, error) {
	if len(r.text) == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), r.step)], r.text)
	r.text, r.step = r.text[n:], r.step*2
	return n, nil
}

// FuzzTrimLine checks that what surrounds a message never eats into it.
func FuzzTrimLine(f *testing.F) {
	for _, b := range banners {
		f.Add([]byte(b))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		msg := trimLine(line)
		if !bytes.Contains(line, msg) {
			t.Fatalf("%q is not in %q", msg, line)
		}
		if again := trimLine(msg); !bytes.Equal(again, msg) {
			t.Fatalf("%q was trimmed to %q, then to %q", line, msg, again)
		}
		if len(msg) > 0 {
			if inner, ok := unwrap(msg); ok && (inner[0] != '{' || inner[len(inner)-1] != '}') {
				t.Fatalf("%q was unwrapped to %q", msg, inner)
			}
		}
	})
}

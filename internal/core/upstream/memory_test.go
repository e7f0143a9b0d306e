package upstream

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"strings"
)

// A load is an answer that takes much memory, or should not.
type load struct {
	name string // tells the server what to do
	over string // stdio, json, stream or gzip
	size int64  // of the text in it
	code string // of the problem the call ends with
}

var loads = []load{
	{"flood", "stdio", 100 << 20, ""},
	{"message", "stdio", 15 << 20, ""},
	{"message", "stdio", 100 << 20, "MPT-TOO-LARGE"},
	{"message", "stdio", 2 << 30, "MPT-TOO-LARGE"},
	{"nested", "stdio", 15 << 20, "MPT-TOO-DEEP"},
	{"message", "json", 15 << 20, ""},
	{"message", "json", 100 << 20, "MPT-TOO-LARGE"},
	{"message", "stream", 15 << 20, ""},
	{"message", "stream", 100 << 20, "MPT-TOO-LARGE"},
	{"message", "gzip", 1 << 30, "MPT-TOO-LARGE"},
}

// loadURL names the server of a load over HTTP, for the process that is measured.
const loadURL = "UPSTREAM_TEST_URL"

// measure is the main function of the process that is measured. It prints by how
// many bytes the process grew, and the code of the problem, if any.
func measure() error {
	i, err := strconv.Atoi(os.Getenv("UPSTREAM_TEST_LOAD"))
	if err != nil {
		return err
	}
	l := loads[i]
	srv := childOf("old")
	if l.over != "stdio" {
		srv = remoteAt(os.Getenv(loadURL), "http")
	}
	s, err := testConnector().Connect(context.Background(), srv)
	if err != nil {
		return err
	}
	defer s.Close()
	if err := resetPeak(); err != nil {
		return err
	}
	before, err := peak()
	if err != nil {
		return err
	}
	params := fmt.Sprintf(`{"name":%q,"over":%q,"size":%s}`, l.name, l.over, os.Getenv("UPSTREAM_TEST_SIZE"))
	_, _, err = ask(context.Background(), s, "tools/call", json.RawMessage(params))
	// What was skipped belongs to it: the next answer comes after that.
	if _, _, pingErr := ask(context.Background(), s, methodPing, nil); pingErr != nil {
		return pingErr
	}
	after, peakErr := peak()
	if peakErr != nil {
		return peakErr
	}
	fmt.Print(after-before, " ")
	if e, ok := errors.AsType[*Error](err); ok {
		fmt.Print(e.Code())
	} else if err != nil {
		return err
	}
	return nil
}

// resetPeak makes the largest resident size of this process what it is now.
func resetPeak() error {
	runtime.GC()
	return os.WriteFile("/proc/self/clear_refs", []byte("5"), 0)
}

// peak returns the largest resident size since then.
func peak() (int64, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	_, kB, _ := strings.Cut(string(status), "VmHWM:")
	var n int64
	_, err = fmt.Sscan(kB, &n)
	return n << 10, err
}

// writeLoad writes a load for the call id.
func writeLoad(w io.Writer, id string, params json.RawMessage) {
	var l struct {
		Name string
		Size int
	}
	if err := json.Unmarshal(params, &l); err != nil {
		panic(err)
	}
	text := strings.Repeat("x", 64<<10)
	switch l.Name {
	case "flood":
		note := strings.Repeat(`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1}}`+"\n", 1000)
		for n := 0; n < l.Size; n += len(note) {
			_, _ = io.WriteString(w, note) // the client may go away
		}
		fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":{}}`, id)
	case "nested":
		fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":%s%s}`, id, strings.Repeat("[", l.Size/2), strings.Repeat("]", l.Size/2))
	default:
		fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":{"text":"`, id)
		for n := 0; n < l.Size; n += len(text) {
			if _, err := io.WriteString(w, text); err != nil {
				return
			}
		}
		fmt.Fprint(w, `"}}`)
	}
}

// answerLoad answers a call over HTTP.
func answerLoad(w http.ResponseWriter, id string, r *http.Request) {
	params := paramsOf(r)
	switch {
	case params == nil: // a ping
		fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":{}}`, id)
	case strings.Contains(string(params), `"stream"`):
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprint(w, "data: ")
		writeLoad(w, id, params)
		fmt.Fprint(w, "\n\n")
	case strings.Contains(string(params), `"gzip"`):
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		writeLoad(z, id, params)
		z.Close()
	default:
		writeLoad(w, id, params)
	}
}

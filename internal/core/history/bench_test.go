package history

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"mcpproxy-tray/internal/core/call"
)

// example is a call as many are.
func example(i int) call.Record {
	r := call.Record{Client: []string{"claude-code", "cursor-vscode", "zed"}[i%3], Server: fmt.Sprint("server-", i%20), Tool: fmt.Sprint("tool_", i%200),
		At: time.Now(), Took: time.Duration(i%5_000_000) * time.Microsecond, Sent: i % 3_000, Got: i % 70_000}
	if i%20 == 0 {
		r.Outcome, r.Why = call.Refused, "The tool is held back until a person approves it in mcpproxy-tray."
	}
	return r
}

// million writes so many calls, at a pace that the queue can follow, and returns the file's size.
func million(t testing.TB, h *tested, path string, calls int) int64 {
	t.Helper()
	for i := range calls {
		h.Record(example(i))
		if i%10_000 == 9_999 {
			h.page(t, Query{Limit: 1})
		}
	}
	h.page(t, Query{Limit: 1})
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if h.Dropped() > 0 {
		t.Fatalf("%d calls were dropped", h.Dropped())
	}
	return info.Size()
}

// TestSizeOnDisk wants a million calls in 100 MB: a tenth of it here, all in the benchmark.
func TestSizeOnDisk(t *testing.T) {
	path := dbPath(t)
	h := begin(t, path)
	if size := million(t, h, path, 100_000); size > 10<<20 {
		t.Errorf("100,000 calls take %d bytes, want at most %d", size, 10<<20)
	}
}

// TestRecordAllocatesNothing bounds what a call pays: there is no work in its path but
// to queue it.
func TestRecordAllocatesNothing(t *testing.T) {
	h := New(Options{Path: dbPath(t), Settings: defaults})
	r := example(1)
	h.queue.items = make([]item, 0, maxQueued)
	if n := testing.AllocsPerRun(1000, func() { h.Record(r) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkRecord is what a call waits for; that its queue is written is not in it.
func BenchmarkRecord(b *testing.B) {
	for _, c := range []struct {
		name     string
		payloads bool
		answer   int
	}{{"payloads=false", false, 5000}, {"payloads=false/answer=100000", false, 100_000}, {"payloads=true", true, 5000}} {
		b.Run(c.name, func(b *testing.B) {
			h := begin(b, dbPath(b), func(o *Options) { o.Settings.Payloads = c.payloads })
			r := example(1)
			r.Params, r.Answer = make([]byte, 500), []byte(`{"content":["`+strings.Repeat("x", c.answer)+`"],"isError":true}`)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				h.Record(r)
				if i%50 == 49 { // the queue must not be full
					b.StopTimer()
					h.page(b, Query{Limit: 1})
					b.StartTimer()
				}
			}
			if h.Dropped() > 0 {
				b.Errorf("%d calls were dropped", h.Dropped())
			}
		})
	}
}

// BenchmarkMillion tells what a million calls take on disk, and pages of them.
func BenchmarkMillion(b *testing.B) {
	path := dbPath(b)
	h := begin(b, path)
	began := time.Now()
	size := million(b, h, path, 1_000_000)
	b.Logf("1,000,000 calls: %.1f MB on disk, written in %v", float64(size)/1e6, time.Since(began).Round(time.Millisecond))
	for name, q := range map[string]Query{
		"newest": {Limit: 100}, "longest": {Limit: 1000}, "middle": {Limit: 100, Before: 500_000}, "server": {Limit: 100, Server: "server-7"},
		"since": {Limit: 100, Since: began}, "states": {Limit: 100, Kind: States},
	} {
		b.Run("page/"+name, func(b *testing.B) {
			for b.Loop() {
				h.page(b, q)
			}
		})
	}
	b.Run("uptime", func(b *testing.B) {
		for b.Loop() {
			if _, err := h.Uptime(b.Context(), "", time.Time{}); err != nil {
				b.Fatal(err)
			}
		}
	})
	h.stop()
	b.Run("open", func(b *testing.B) {
		for b.Loop() {
			f, err := openFile(path, time.Now(), defaults)
			if err != nil {
				b.Fatal(err)
			}
			if err := f.close(); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkPayload is what it takes to make a payload of 4 kB fit to be kept.
func BenchmarkPayload(b *testing.B) {
	r := newRedactor([]string{"a-configured-secret", "another one of them", "8412907766"})
	for _, c := range []struct{ name, line string }{
		{"text", `The quick brown fox jumps over the lazy dog; line 4711 of /home/me/src/main.go\n`},
		{"members", `","id":12345,"name":"an issue","state":"open","labels":["bug","later"],"comments":3,"url":"https://example.com/issues/7","x":"`},
		{"words", `token_count is 7, the basic author: https://example.com/a?b=c and the secret of passwords\n`},
		{"secrets", `api_key=1234567 Bearer abcdefghijkl https://me:pass@example.com a-configured-secret ghp_0123456789abcdefghij\n`},
	} {
		b.Run(c.name, func(b *testing.B) {
			p := []byte(`{"content":[{"type":"text","text":"` + strings.Repeat(c.line, 4096/len(c.line)) + `"}]}`)
			b.SetBytes(int64(len(p)))
			for b.Loop() {
				r.payload(p)
			}
		})
	}
}

// BenchmarkQueuedPayloads is what a page waits for if much is queued with payloads.
func BenchmarkQueuedPayloads(b *testing.B) {
	h := begin(b, dbPath(b), func(o *Options) { o.Settings.Payloads = true })
	r := example(1)
	r.Params = []byte(`{"text":"` + strings.Repeat(`The quick brown fox jumps over the lazy dog. `, 90) + `"}`)
	r.Answer = r.Params
	for b.Loop() {
		b.StopTimer()
		h.writing <- struct{}{}
		for range 3_000 {
			h.Record(r)
		}
		<-h.writing
		b.StartTimer()
		h.page(b, Query{Limit: 1})
	}
}

package upstream

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
)

var (
	crossMessages = flag.Int("cross-messages", 100_000, "messages of the test that mixes replies up")
	crossSeed     = flag.Uint64("cross-seed", 0, "its seed; 0 takes one from the clock")
)

// A chaotic server answers calls late, twice, under other ids, never, or with
// something that is no answer.
type chaotic struct {
	mu      sync.Mutex // guards the fields below
	rand    *rand.Rand
	seen    []string // ids of all calls, newest last
	pending []string // lines to be said
}

// send implements carrier: the answer to a call carries the call's own params.
func (s *chaotic) send(_ context.Context, m message) error {
	if m.method != "tools/call" {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	id := string(m.id)
	s.seen = append(s.seen, id)
	if len(s.seen) > 1000 {
		s.seen = s.seen[500:]
	}
	if s.rand.IntN(20) > 0 { // else never
		s.pending = append(s.pending, fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":%s}`, id, m.params))
	}
	return nil
}

// next returns a line to say.
func (s *chaotic) next() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := `"r7"`
	if len(s.seen) > 0 {
		old = s.seen[s.rand.IntN(len(s.seen))]
	}
	switch s.rand.IntN(12) {
	case 0: // an answer of somebody else's, for an id that is or was ours
		return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":{"foreign":true},"method":"x"}`, old)
	case 1: // a request of the server that uses our id
		return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"method":"ping"}`, old)
	case 2: // unknown ids of all kinds
		ids := []string{`"r0"`, `"r01"`, `"r99999999999999999999"`, `"r-1"`, `"R1"`, `"r1 "`, `null`, `0`, `1.5`, `-1`, `1e3`, `""`, `"r18446744073709551615"`, `[1]`, `{}`, `true`}
		return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":{"foreign":true}}`, ids[s.rand.IntN(len(ids))])
	case 3:
		return `{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}`
	case 4:
		return []string{`banner`, `{"id":`, `[]`, `{}`, "\x00{", `{"id":` + old, `null`}[s.rand.IntN(7)]
	}
	if len(s.pending) == 0 {
		return `{"jsonrpc":"2.0","method":"notifications/message"}`
	}
	i := s.rand.IntN(len(s.pending)) // in any order
	line := s.pending[i]
	if s.rand.IntN(5) > 0 { // else it is said again later
		s.pending[i] = s.pending[len(s.pending)-1]
		s.pending = s.pending[:len(s.pending)-1]
	}
	return line
}

// TestRepliesReachWhoAsked lets many callers call a server that mixes everything
// up: each gets its own answer, once, or none.
func TestRepliesReachWhoAsked(t *testing.T) {
	seed := *crossSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("seed %d", seed)
	r, lines := io.Pipe()
	w := quietWire(t)
	s := &chaotic{rand: rand.New(rand.NewPCG(seed, 1))}
	w.carrier = s
	var wg sync.WaitGroup
	wg.Go(func() { _ = (&child{wire: w}).readStdout(r, 1<<20); w.end(errClosed); r.Close() })
	wg.Go(func() { // in the library's place
		for {
			m, err := w.Read(context.Background())
			if err != nil {
				return
			}
			if reply, ok := m.(*jsonrpc.Response); ok {
				t.Errorf("a reply to nothing reached the library: %v", reply.ID)
			}
		}
	})
	var answered, gaveUp, next atomic.Int64
	done := make(chan struct{})
	for c := range 32 {
		random := rand.New(rand.NewPCG(seed, uint64(c)+2))
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				want := fmt.Sprintf(`{"caller":%d,"call":%d}`, c, next.Add(1))
				patience := 100 * time.Millisecond
				if random.IntN(10) == 0 {
					patience = time.Duration(random.IntN(1000)) * time.Microsecond
				}
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				reply, err := w.request(ctx, "tools/call", json.RawMessage(want))
				cancel()
				switch {
				case err == nil && string(reply.result) == want:
					answered.Add(1)
				case err == nil:
					t.Errorf("%s was answered %s %s", want, reply.result, reply.err)
				case errors.Is(err, context.DeadlineExceeded), errors.Is(err, errClosed):
					gaveUp.Add(1)
				default:
					t.Error(err)
				}
			}
		})
	}
	var batch strings.Builder
	for said := 0; said < *crossMessages; {
		batch.Reset()
		for range 100 {
			batch.WriteString(s.next())
			batch.WriteByte('\n')
			said++
		}
		if _, err := io.WriteString(lines, batch.String()); err != nil {
			t.Fatalf("the reader ended: %v", err)
		}
	}
	close(done)
	lines.Close()
	wg.Wait()
	w.calls.Wait()
	n := w.counts.read()
	t.Logf("%d messages: %d calls answered, %d given up, %+v", *crossMessages, answered.Load(), gaveUp.Load(), n)
	if answered.Load() < int64(*crossMessages)/100 || n.StrayReplies == 0 || n.SkippedLines == 0 || len(w.waiting) > 0 {
		t.Errorf("%d answers, %+v, %d still wait", answered.Load(), n, len(w.waiting))
	}
}

// register makes the next request of ours wait.
func register(w *wire) (uint64, chan reply, error) {
	id, p := w.nextID.Add(1), newPending(nil, nil)
	return id, p.answer, w.await(id, p, methodPing)
}

// FuzzDeliver checks that nothing a server says can answer a call but a reply to it.
func FuzzDeliver(f *testing.F) {
	for _, seed := range []string{
		`{"jsonrpc":"2.0","id":"r1","result":1}`, `{"id":"r1","error":null}`, `{"id":"r1","error":{}}`, `{"id":"r1"}`,
		`{"id":"r1","method":"x","result":1}`, `{"id":"r2","id":"r1","result":{}}`, `{"id":"\u0072\u0031","result":1}`, `{"\u0069d":"r1","result":1}`,
		`{"id":1,"result":{}}`, `{"id":"r1","result":` + strings.Repeat("[", 1100) + strings.Repeat("]", 1100) + `}`, `{"id":null,"error":{}}`, `{"method":"notifications/tools/list_changed"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, msg []byte) {
		w := quietWire(t)
		defer w.end(errClosed)
		_, answer, err := register(w) // is r1
		if err != nil {
			t.Fatal(err)
		}
		_, other, _ := register(w) // is r2
		_, _ = w.deliver(msg, false)
		var m struct {
			ID     any
			Method any
		}
		decoded := json.Unmarshal(msg, &m) == nil
		for id, ch := range map[string]chan reply{"r1": answer, "r2": other} {
			select {
			case <-ch:
				if !decoded || m.ID != id {
					t.Fatalf("%q answered %s", msg, id)
				}
			default:
			}
		}
		if len(w.waiting) < 1 {
			t.Fatalf("%q answered both", msg)
		}
	})
}

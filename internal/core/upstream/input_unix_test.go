//go:build unix

package upstream

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// piped returns a child without a process, and the end its server would read.
func piped(t *testing.T, writeLimit time.Duration) (*child, *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	c := &child{wire: quietWire(t), stdin: w, writing: make(chan struct{}, 1), limits: Timeouts{Write: writeLimit}}
	c.wire.carrier = c
	t.Cleanup(func() {
		c.wire.end(errClosed)
		c.closeStdin()
		c.wire.calls.Wait()
		r.Close()
	})
	return c, r
}

func TestStuckServerHoldsNobodyLongerThanTheirContext(t *testing.T) {
	c, _ := piped(t, time.Minute)
	stuck(t, c)
}

func TestStuckServerWithoutDeadlines(t *testing.T) {
	var fds [2]int
	if err := syscall.Pipe(fds[:]); err != nil { // its files wait as those of Windows do
		t.Fatal(err)
	}
	r, w := os.NewFile(uintptr(fds[0]), "r"), os.NewFile(uintptr(fds[1]), "w")
	c := &child{wire: quietWire(t), stdin: w, writing: make(chan struct{}, 1)}
	c.wire.carrier = c
	if err := w.SetWriteDeadline(time.Now()); err == nil {
		t.Fatal("the pipe has deadlines")
	}
	if err := c.send(t.Context(), message{body: []byte("hello")}); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(r).ReadString('\n'); line != "hello\n" {
		t.Fatal(line, err)
	}
	stuck(t, c)
	r.Close() // as when the process ends
	c.wire.end(errClosed)
	c.wire.calls.Wait()
	w.Close()
}

// stuck checks that a server which does not read holds nobody longer than they want.
func stuck(t *testing.T, c *child) {
	t.Helper()
	first, cancelFirst := context.WithCancelCause(t.Context())
	gone := errors.New("client went away")
	begun := make(chan error, 1)
	go func() {
		begun <- c.send(first, message{body: make([]byte, 1<<20)}) // more than a pipe holds
	}()
	waitFor(t, "the first to write", func() bool { return len(c.writing) == 1 })
	// Others wait for their turn, and give up when they want to.
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	second := c.send(ctx, message{body: []byte("second")})
	if wantUnsent(t, second, true); !errors.Is(second, context.DeadlineExceeded) {
		t.Errorf("second: %v", second)
	}
	// So does the one who writes, though the line must go on without it.
	cancelFirst(gone)
	err := await(t, begun, "the first to give up")
	if wantUnsent(t, err, false); !errors.Is(err, gone) {
		t.Errorf("first: %v", err)
	}
	if c.wire.cause() != nil {
		t.Errorf("the session ended: %v", c.wire.cause())
	}
}

func TestLineThatWasBegunIsWrittenToItsEnd(t *testing.T) {
	c, r := piped(t, time.Minute)
	ctx, cancel := context.WithCancel(t.Context())
	long := strings.Repeat("x", 1<<20)
	begun, next := make(chan error, 1), make(chan error, 1)
	go func() { begun <- c.send(ctx, message{body: []byte(long)}) }()
	lines := bufio.NewReaderSize(r, 2<<20)
	if _, err := lines.Peek(1); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := await(t, begun, "the first to give up"); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	go func() { next <- c.send(t.Context(), message{body: []byte("next")}) }()
	for _, want := range []string{long, "next"} {
		if got, err := lines.ReadString('\n'); err != nil || got != want+"\n" {
			t.Fatalf("a line of %d bytes arrived, want %d: %v", len(got), len(want), err)
		}
	}
	if err := await(t, next, "the next"); err != nil {
		t.Error(err)
	}
}

func TestSlowReaderIsNotGivenUp(t *testing.T) {
	const limit = 200 * time.Millisecond
	c, r := piped(t, limit)
	sent := make(chan error, 1)
	go func() { sent <- c.send(t.Context(), message{body: make([]byte, 1<<20)}) }()
	part := make([]byte, 128<<10)
	began := time.Now()
	for got := 0; got <= 1<<20; {
		time.Sleep(limit / 4) // slow, for longer than the limit in all
		n, err := io.ReadAtLeast(r, part, 1)
		if err != nil {
			t.Fatal(err)
		}
		got += n
	}
	if err := await(t, sent, "the line"); err != nil || time.Since(began) < limit {
		t.Errorf("after %v: %v", time.Since(began), err)
	}
}

func TestBusyServerIsNotGivenUp(t *testing.T) {
	const limit = 50 * time.Millisecond
	c, r := piped(t, limit)
	sent := make(chan error, 1)
	began := time.Now()
	go func() { sent <- c.send(t.Context(), message{body: make([]byte, 1<<20)}) }()
	for time.Since(began) < 4*limit { // it reads nothing, but works
		if _, err := c.wire.deliver([]byte(`{"jsonrpc":"2.0","method":"notifications/progress"}`), false); err != nil {
			t.Fatal(err)
		}
		time.Sleep(limit / 10)
	}
	go func() { _, _ = io.Copy(io.Discard, r) }()
	if err := await(t, sent, "the line"); err != nil {
		t.Error(err)
	}
}

func TestServerThatNeitherReadsNorSpeaksIsGivenUp(t *testing.T) {
	c := testConnector()
	c.Timeouts.Write = 300 * time.Millisecond
	s := connect(t, c, childOf("old+stopsreading"))
	params := json.RawMessage(`{"text":"` + strings.Repeat("x", 1<<20) + `"}`)
	_, _, err := ask(t.Context(), s, "tools/call", params)
	wantProblem(t, err, "MPT-STDIN-STUCK", "exit")
	wantProblem(t, ended(t, s), "MPT-STDIN-STUCK", "exit")
}

func TestCallToAServerThatDoesNotReadEndsInTime(t *testing.T) {
	s := connect(t, testConnector(), childOf("old+stopsreading"))
	for range 3 {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		params := json.RawMessage(`{"text":"` + strings.Repeat("x", 1<<20) + `"}`)
		began := time.Now()
		if _, _, err := ask(ctx, s, "tools/call", params); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error = %v", err)
		}
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("a call of 100 ms ended after %v", took)
		}
		cancel()
	}
	if s.wire.cause() != nil {
		t.Errorf("a call that was not answered ended the session: %v", s.wire.cause())
	}
}

func TestServerThatClosesItsInputIsGivenUp(t *testing.T) {
	s := connect(t, testConnector(), childOf("old+closesinput"))
	waitFor(t, "a write to fail", func() bool { // the first may go into the pipe before that is closed
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		_ = s.Ping(ctx)
		return s.wire.cause() != nil
	})
	wantProblem(t, ended(t, s), "MPT-STDIN-STUCK", "exit")
}

package bridge

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"mcpproxy-tray/internal/core/mcpheader"
)

// Options are what a bridge needs.
type Options struct {
	In   io.Reader // from the client
	Out  io.Writer // to the client; whole lines
	Path string    // of the endpoint, e.g. "/mcp"

	// Find returns where the instance listens, and the token that opens the endpoint.
	// It is called again while there is none, which is ErrNoInstance.
	Find func(ctx context.Context) (url, token string, err error)

	Wait   time.Duration // for an instance; 10 s
	Logger *slog.Logger  // nil discards
}

// ErrNoInstance is the error of Options.Find while no instance runs.
var ErrNoInstance = errors.New("no instance is running")

// lastWords is how long requests may still be answered when the client says no more.
const lastWords = 5 * time.Second

// A bridge is one Run.
type bridge struct {
	o      Options
	log    *slog.Logger
	client *http.Client
	link   link
	work   sync.WaitGroup // requests and the stream

	repeated mcpheader.Book

	outMu sync.Mutex // guards Options.Out
	stop  context.CancelCauseFunc

	mu    sync.Mutex // guards calls
	calls map[string]context.CancelFunc
}

// errOver is why a bridge ends that was not told to.
var errOver = errors.New("the client is gone")

// Run passes messages until the client closes its output or ctx is done, and returns
// nil then. It returns the error of Find if there is no instance to begin with.
func Run(ctx context.Context, o Options) error {
	if o.Wait == 0 {
		o.Wait = 10 * time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	transport := &http.Transport{MaxIdleConnsPerHost: 100} // no proxy: it is this machine
	defer transport.CloseIdleConnections()
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	b := &bridge{
		o: o, log: o.Logger, stop: stop, calls: map[string]context.CancelFunc{},
		client: &http.Client{Transport: transport},
		link:   link{turn: make(chan struct{}, 1)},
	}
	if err := b.reconnect(ctx, 0); err != nil {
		return err
	}
	up, hangUp := context.WithCancel(ctx) // while the client speaks
	defer hangUp()
	lines := make(chan []byte)
	go b.read(ctx, lines)
	for {
		select {
		case line, ok := <-lines:
			if ok {
				b.take(ctx, up, line)
				continue
			}
			hangUp()
			b.finish()
		case <-ctx.Done():
		}
		stop(errOver)
		b.work.Wait()
		b.leave(ctx)
		return nil
	}
}

// read hands on the client's lines until it says no more.
func (b *bridge) read(ctx context.Context, lines chan<- []byte) {
	defer close(lines)
	r := bufio.NewReaderSize(b.o.In, 64<<10)
	for {
		line, err := r.ReadBytes('\n')
		if line = bytes.TrimSpace(line); len(line) > 0 {
			select {
			case lines <- line:
			case <-ctx.Done():
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// finish gives what is under way a last chance.
func (b *bridge) finish() {
	t := time.AfterFunc(lastWords, func() { b.stop(errOver) })
	defer t.Stop()
	b.work.Wait()
}

// take acts on one line of the client. Requests go side by side; what must stay in
// order, as the handshake and notifications, is on its way before the next is taken.
// What only listens ends with up.
func (b *bridge) take(ctx, up context.Context, line []byte) {
	m, err := parse(line)
	switch {
	case err != nil:
		b.say(failed(nil, -32700, "That is not a JSON-RPC message on one line."))
	case m.cancels != nil && b.cancel(m.cancels):
	case m.method == "initialize":
		b.link.greet(m)
		b.relay(ctx, m)
	case m.method == "notifications/initialized":
		b.relay(ctx, m)
		b.follow(up)
	case m.id == nil && line[0] != '[':
		b.relay(ctx, m)
	default:
		if m.method == "subscriptions/listen" {
			ctx = up
		}
		ctx, done := b.begin(ctx, m)
		b.work.Go(func() {
			defer done()
			b.relay(ctx, m)
		})
	}
}

// begin returns the context of a request. One of the newer revisions is cancelled by
// the end of its stream; the older ones say it with a notification.
func (b *bridge) begin(ctx context.Context, m message) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	if !m.modern() {
		return ctx, cancel
	}
	key := string(m.id)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls[key] = cancel
	return ctx, func() {
		cancel()
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.calls, key)
	}
}

// cancel ends a request of the newer revisions; it reports false if there is none.
func (b *bridge) cancel(id []byte) bool {
	b.mu.Lock()
	cancel := b.calls[string(id)]
	b.mu.Unlock()
	if cancel == nil {
		return false
	}
	cancel()
	return true
}

// say writes one line to the client. A client that does not take it is gone.
func (b *bridge) say(msg []byte) {
	b.outMu.Lock()
	defer b.outMu.Unlock()
	if _, err := b.o.Out.Write(append(bytes.Clone(msg), '\n')); err != nil {
		b.stop(errOver)
	}
}

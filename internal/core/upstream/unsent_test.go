package upstream

import (
	"context"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
)

// wantUnsent checks whether an error says that the request was not sent, as callers find out.
func wantUnsent(tb testing.TB, err error, want bool) {
	tb.Helper()
	e, ok := errors.AsType[interface {
		error
		Unsent() bool
	}](err)
	if err == nil || ok && e.Unsent() != want || !ok && want {
		tb.Errorf("%v is marked as unsent: %v, want %v", err, ok, want)
	}
}

func TestCallThatFoundNoConnectionWasNotSent(t *testing.T) {
	gone := httptest.NewServer(nil)
	gone.Close()
	for name, tt := range map[string]struct {
		url  string
		code *Entry
	}{
		"refused": {gone.URL, pRefused},
		"no name": {"http://name.invalid/", pDNS},
		"no TLS":  {serveHTTPS(t), pTLSUnknown},
	} {
		w := remoteWire(t, firstModern, newTransport())
		w.carrier.(*remote).endpoint, _ = url.Parse(tt.url)
		_, err := w.request(t.Context(), "tools/call", nil)
		if wantUnsent(t, err, true); !hasEntry(err, tt.code) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func serveHTTPS(t *testing.T) string {
	srv := httptest.NewUnstartedServer(http.NotFoundHandler())
	srv.Config.ErrorLog = log.New(io.Discard, "", 0) // it complains of our refusal
	srv.StartTLS()
	t.Cleanup(srv.Close)
	return srv.URL
}

func TestCallThatWasCutMayHaveBeenSent(t *testing.T) {
	srv := serveHTTP(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		drop(w, true)
	}))
	w := remoteWire(t, firstModern, newTransport())
	w.carrier.(*remote).endpoint, _ = url.Parse(srv.URL)
	_, err := w.request(t.Context(), "tools/call", nil)
	if wantUnsent(t, err, false); !hasEntry(err, pCut) {
		t.Error(err)
	}
}

// refusing begins calls named "sent" and refuses all others, as a dial would.
type refusing struct{ begun chan struct{} }

func (r *refusing) send(_ context.Context, m message) error {
	if m.method == "sent" {
		r.begun <- struct{}{}
		return nil
	}
	return unsent(pRefused.with("server"))
}

func TestMarkOfOneCallIsNotThatOfAnother(t *testing.T) {
	w := quietWire(t)
	w.secrets = secrets{"server"} // as errors are covered, the mark must stay
	carrier := &refusing{make(chan struct{})}
	w.carrier = carrier
	sent := make(chan error, 1)
	go func() {
		_, err := w.request(t.Context(), "sent", nil)
		sent <- err
	}()
	await(t, carrier.begun, "the call to leave")
	s := &Session{wire: w}
	_, _, err := ask(t.Context(), s, "refused", nil)
	wantUnsent(t, err, true)
	wantProblem(t, err, "MPT-NET-REFUSED", "network")
	w.end(err)
	err = await(t, sent, "the call to end")
	wantUnsent(t, err, false)
	wantProblem(t, err, "MPT-NET-REFUSED", "network")

	_, _, err = ask(t.Context(), s, "late", nil)
	wantUnsent(t, err, true)
	wantProblem(t, err, "MPT-NET-REFUSED", "network")
}

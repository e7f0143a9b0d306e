package upstream

import (
	"errors"
	"math"
	"net/http"
	"testing"
	"time"
)

func TestRetryAfter(t *testing.T) {
	const now = "Wed, 01 Jan 2025 12:00:00 GMT"
	for value, want := range map[string]time.Duration{
		"":                                  0,
		"0":                                 0,
		"7":                                 7 * time.Second,
		" 120 ":                             2 * time.Minute,
		"-1":                                0,
		"-9223372036854775808":              0,
		"1000000000000":                     math.MaxInt64,
		"9223372036":                        9223372036 * time.Second,
		"9223372037":                        math.MaxInt64,
		"99999999999999999999999":           0,
		"1.5":                               0,
		"soon":                              0,
		"5s":                                0,
		"Wed, 01 Jan 2025 12:00:30 GMT":     30 * time.Second,
		"Wednesday, 01-Jan-25 12:01:00 GMT": time.Minute,
		"Wed Jan  1 12:00:05 2025":          5 * time.Second,
		"Wed, 01 Jan 2025 11:59:00 GMT":     0,
		"Fri, 01 Jan 9999 00:00:00 GMT":     math.MaxInt64,
		"Wed, 32 Jan 2025 12:00:00 GMT":     0,
	} {
		h := http.Header{"Retry-After": {value}, "Date": {now}}
		if got := retryAfter(h); got != want {
			t.Errorf("Retry-After: %s = %v, want %v", value, got, want)
		}
	}
	soon := http.Header{"Retry-After": {time.Now().Add(time.Minute).UTC().Format(http.TimeFormat)}}
	if got := retryAfter(soon); got < 50*time.Second || got > time.Minute {
		t.Errorf("without a date of the server: %v", got)
	}
}

func TestRetryAfterReachesTheCaller(t *testing.T) {
	for code, want := range map[int]time.Duration{429: 7 * time.Second, 503: 7 * time.Second, 502: 7 * time.Second, 404: 0, 401: 0} {
		srv := serveHTTP(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(code)
		}))
		_, err := testConnector().Connect(t.Context(), remoteAt(srv.URL, "http"))
		e, ok := errors.AsType[interface {
			error
			RetryAfter() time.Duration
		}](err)
		if !ok || e.RetryAfter() != want {
			t.Errorf("%d: %v", code, err)
		}
	}
}

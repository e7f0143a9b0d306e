package upstream

import (
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// refusals are the statuses that say that the address or our requests are wrong,
// so that asking again cannot help.
var refusals = map[int]*Entry{
	http.StatusNotFound:             pNotThere,
	http.StatusMethodNotAllowed:     pMethod,
	http.StatusNotAcceptable:        pAccept,
	http.StatusGone:                 pGone,
	http.StatusUnsupportedMediaType: pMediaType,
}

// isRefusal reports whether err is a status that an MCP server never gives to
// what it understands: another transport may fare better.
func isRefusal(err error) bool {
	return hasEntry(err, pNotThere, pMethod, pAccept, pGone, pMediaType, pStatus)
}

// statusProblem words a status that is no success.
func statusProblem(resp *http.Response) error {
	code := resp.StatusCode
	var cause error = fmt.Errorf("status %s", resp.Status)
	if entry, ok := refusals[code]; ok {
		return entry.with().because(cause)
	}
	switch {
	case code == http.StatusUnauthorized:
		return pSignIn.with().because(cause)
	case code == http.StatusForbidden:
		return pForbidden.with().because(cause)
	case code == http.StatusTooManyRequests, code == http.StatusServiceUnavailable:
		return pTooMany.with(code).because(cause).after(retryAfter(resp.Header))
	case code >= 500, code == http.StatusRequestTimeout, code == http.StatusTooEarly:
		return pServerError.with(code).because(cause).after(retryAfter(resp.Header))
	default:
		return pStatus.with(code).because(cause)
	}
}

// retryAfter reads the header Retry-After: seconds or a date, which counts from
// the server's own date, for its clock may not be ours. 0 if it says nothing of use.
func retryAfter(h http.Header) time.Duration {
	value := strings.TrimSpace(h.Get("Retry-After"))
	if seconds, err := strconv.ParseInt(value, 10, 64); err == nil {
		if seconds > int64(math.MaxInt64/time.Second) {
			return math.MaxInt64
		}
		return time.Duration(max(0, seconds)) * time.Second
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	now, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		now = time.Now()
	}
	return max(0, at.Sub(now))
}

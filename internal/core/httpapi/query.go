package httpapi

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// readQuery returns the parameters of a request's address. Each is one of known
// and stands there once: a misspelt one must not look as if it worked.
func readQuery(r *http.Request, known ...string) (url.Values, *apiError) {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, badQuery("The part of the address behind the ? is not readable.")
	}
	for name, values := range q {
		switch {
		case !slices.Contains(known, name) && len(known) == 0:
			return nil, badQuery("This address takes no parameters.")
		case !slices.Contains(known, name):
			return nil, badQuery(fmt.Sprintf("This address does not know the parameter %q, only: %s.", name, strings.Join(known, ", ")))
		case len(values) > 1:
			return nil, badQuery(fmt.Sprintf("The parameter %q stands there more than once.", name))
		}
	}
	return q, nil
}

// badQuery is the answer to parameters that are not understood; text says why.
func badQuery(text string) *apiError {
	return &apiError{400, "MPT-HTTP-QUERY", text, "docs/http-api.md shows the parameters of each address."}
}

// plain is a handler of an address that takes no parameters.
func plain(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if _, e := readQuery(r); e != nil {
			refuse(w, r, e)
			return
		}
		h(w, r)
	}
}

// number returns a parameter that is a number from least to most; usual if it is
// absent, or e if that is an error already.
func number(q url.Values, name string, least, usual, most int, e *apiError) (int, *apiError) {
	if e != nil || !q.Has(name) {
		return usual, e
	}
	n, err := strconv.Atoi(q.Get(name))
	if err != nil || n < least || n > most {
		return 0, badQuery(fmt.Sprintf("The parameter %q is a number from %d to %d.", name, least, most))
	}
	return n, nil
}

// yes returns a parameter that is true or false; false if it is absent, or e if
// that is an error already.
func yes(q url.Values, name string, e *apiError) (bool, *apiError) {
	if e != nil || !q.Has(name) {
		return false, e
	}
	switch q.Get(name) {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, badQuery(fmt.Sprintf("The parameter %q is true or false.", name))
}

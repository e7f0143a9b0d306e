//go:build linux

package main

import (
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// A shortfall is a scenario of the conformance suite that does worse through us than
// without us, and why that is so. The tests fail when one is missing here and when one
// is here that is not met any more.
type shortfall struct {
	column   string // of the report; a pattern of path.Match, as scenario is
	scenario string
	reason   string
}

const (
	noSignIn      = "signing in to a server is not built"
	sameListAgain = "the fixture announces a list that has not changed; only a change that the client can see is passed on"
)

var shortfalls = []shortfall{
	{"2025-11-25 *", "server-sse-polling", "we answer with one JSON message where alone it is a stream, which is what is tested"},
	{"2026-07-28 *", "server-stateless", sameListAgain},
	{"* *", "server-sse-multiple-streams", "one of two checks is about streams; we answer with one JSON message what has nothing beside it"},
}

// What a column of the report is beside its requirement set: how the server is reached.
const (
	overHTTP  = "http"
	overStdio = "stdio"
)

// A conformance is all results of a run of the suite.
type conformance struct {
	alone   map[string]outcome // by requirement set
	through map[string]outcome // by column: set and transport of the server
}

// TestConformance runs the official suite against the SDK's server for it, alone and
// through /mcp/server/{name}: no scenario may do worse through us.
func TestConformance(t *testing.T) {
	s := findSuite(t)
	got := conformance{alone: map[string]outcome{}, through: map[string]outcome{}}
	var mu sync.Mutex // guards got
	t.Run("sets", func(t *testing.T) {
		for _, set := range []string{legacySet, modernSet} {
			t.Run(set, func(t *testing.T) {
				t.Parallel() // most of the time the suite waits
				alone, through := s.compare(t, set)
				mu.Lock()
				defer mu.Unlock()
				got.alone[set] = alone
				maps.Copy(got.through, through)
			})
		}
	})
	if t.Failed() {
		return
	}
	checkShortfalls(t, got, shortfalls)
	reportConformance(t, "server", got, shortfalls)
}

// compare runs a set against the SDK's server alone, and through us over both transports.
func (s suite) compare(t *testing.T, set string) (alone outcome, through map[string]outcome) {
	stateless := set == modernSet
	alone = s.ofServer(t, set, s.serve(t, stateless))
	home := t.TempDir()
	// A fixture of its own: the suite changes what it has been run against. Over stdio it
	// is of one era for as long as it runs, as is whoever talks to it alone.
	writeConfig(t, home, fmt.Sprintf(`%q: {"url": %q}, %q: {"command": %q, "revision": %q}`, overHTTP, s.serve(t, stateless), overStdio, s.server, set),
		`"quarantine": false, "mcp_auth": "none",`)
	prog := run(t, home, nil, "serve")
	through = map[string]outcome{}
	for _, transport := range []string{overHTTP, overStdio} {
		prog.waitState(transport, "connected")
		through[set+" "+transport] = s.ofServer(t, set, prog.url+"/mcp/server/"+transport)
	}
	return alone, through
}

// checkShortfalls wants what does worse through us to be exactly what is listed.
func checkShortfalls(t *testing.T, got conformance, known []shortfall) {
	t.Helper()
	met := map[int]bool{}
	for column, through := range got.through {
		set, _, _ := strings.Cut(column, " ")
		for _, scenario := range slices.Sorted(maps.Keys(got.alone[set])) {
			alone, us := got.alone[set][scenario], through[scenario]
			if !us.worse(alone) {
				continue
			}
			i := slices.IndexFunc(known, func(s shortfall) bool {
				return matches(s.column, column) && matches(s.scenario, scenario)
			})
			if i < 0 {
				t.Errorf("%s, %s: %v through us, %v alone: %s", column, scenario, us, alone, us.why)
			}
			met[i] = true
		}
	}
	for i, s := range known {
		if !met[i] {
			t.Errorf("%s, %s: no worse through us any more; take it from the list", s.column, s.scenario)
		}
	}
}

func matches(pattern, name string) bool {
	ok, err := path.Match(pattern, name)
	return ok && err == nil
}

var clientShortfalls = []shortfall{
	{"*", "auth/*", noSignIn},
	{"2026-07-28 *", "request-metadata", "we declare no roots, so that there is nothing to check in them"},
}

// TestConformanceOfClient runs the suite's client scenarios, with the SDK's client for it
// alone and behind us: what the suite's server sees is our client side.
func TestConformanceOfClient(t *testing.T) {
	s := findSuite(t)
	wrapper, err := filepath.Abs("testdata/conformance-client.sh")
	if err != nil {
		t.Fatal(err)
	}
	env := []string{"CONFORMANCE_PROGRAM=" + programPath(t), "CONFORMANCE_CLIENT=" + s.client, "CONFORMANCE_HOMES=" + t.TempDir()}
	got := conformance{alone: map[string]outcome{}, through: map[string]outcome{}}
	for _, set := range []string{legacySet, modernSet} {
		got.alone[set] = s.ofClient(t, set, s.client)
		got.through[set+" "+overHTTP] = s.ofClient(t, set, wrapper, env...)
	}
	checkShortfalls(t, got, clientShortfalls)
	reportConformance(t, "client", got, clientShortfalls)
}

// What the suite asks of its own server by name, and the demo server does not have. The
// scenarios that are not here must pass.
var demoLacks = []struct{ reason, scenarios string }{
	{"calls a tool of the suite's server by its name", `elicitation-sep1034-defaults elicitation-sep1330-enums
		json-schema-2020-12 tools-call-audio tools-call-elicitation tools-call-embedded-resource tools-call-error tools-call-image
		tools-call-mixed-content tools-call-sampling tools-call-simple-text tools-call-with-logging tools-call-with-progress
		input-required-result-basic-elicitation input-required-result-basic-list-roots input-required-result-basic-sampling
		input-required-result-capability-check input-required-result-multi-round input-required-result-multiple-input-requests
		input-required-result-non-tool-request input-required-result-request-state input-required-result-result-type
		input-required-result-tampered-state http-custom-header-server-validation`},
	{"four of its checks call tools of the suite's server by name", "server-stateless"},
	{"the demo server has no prompts", `completion-complete prompts-list prompts-get-simple prompts-get-with-args
		prompts-get-embedded-resource prompts-get-with-image`},
	{"the demo server has no resources", `resources-list resources-read-text resources-read-binary resources-templates-read
		resources-subscribe resources-unsubscribe`},
	{"the demo server has neither prompts nor resources, three checks want their lists", "caching"},
	{"the demo server does not log", "logging-set-level"},
	{"an extension: the demo server has no tasks", `tasks-capability-negotiation tasks-dispatch-and-envelope tasks-lifecycle
		tasks-mrtr-composition tasks-mrtr-input tasks-request-headers tasks-request-state-removal tasks-required-task-error
		tasks-wire-fields`},
}

// TestConformanceOfDemo runs the suite against /mcp as it is when nothing is configured.
func TestConformanceOfDemo(t *testing.T) {
	s := findSuite(t)
	home := t.TempDir()
	writeConfig(t, home, `"demo": `+demoEntry, `"quarantine": false, "mcp_auth": "none",`)
	prog := run(t, home, nil, "serve")
	prog.waitState("demo", "connected")
	var known []shortfall
	for _, l := range demoLacks {
		for _, scenario := range strings.Fields(l.scenarios) {
			known = append(known, shortfall{"*", scenario, l.reason})
		}
	}
	failed := map[string]bool{}
	got := conformance{alone: map[string]outcome{}, through: map[string]outcome{}}
	for _, set := range []string{legacySet, modernSet} {
		o := s.ofServer(t, set, prog.url+"/mcp")
		got.through[set+" /mcp"] = o
		for scenario, v := range o {
			if v.failed == 0 {
				continue
			}
			failed[scenario] = true
			if !slices.ContainsFunc(known, func(k shortfall) bool { return k.scenario == scenario }) {
				t.Errorf("%s, %s: %v: %s", set, scenario, v, v.why)
			}
		}
	}
	for _, k := range known {
		if !failed[k.scenario] {
			t.Errorf("%s does not fail, though %s", k.scenario, k.reason)
		}
	}
	reportConformance(t, "demo", got, known)
}

package supervisor

import (
	"maps"
	"slices"
	"strings"

	"mcpproxy-tray/internal/core/approval"
	"mcpproxy-tray/internal/core/config"
)

// launchOf returns what an approval of this entry is bound to.
func launchOf(srv config.Server) approval.Launch {
	return approval.Launch{
		Transport: srv.Transport, Command: srv.Command, Args: srv.Args, Env: srv.Env,
		Cwd: srv.Cwd, URL: srv.URL, Headers: srv.Headers,
	}
}

// shown returns the launch for people to judge: what runs, where, and which
// variables or headers it gets, without their values.
func shown(srv config.Server) string {
	var extra []string
	if srv.Cwd != "" {
		extra = append(extra, "in "+srv.Cwd)
	}
	if len(srv.Env) > 0 {
		extra = append(extra, "sets "+strings.Join(slices.Sorted(maps.Keys(srv.Env)), ", "))
	}
	if len(srv.Headers) > 0 {
		extra = append(extra, "sends "+strings.Join(slices.Sorted(maps.Keys(srv.Headers)), ", "))
	}
	if len(extra) == 0 {
		return srv.CommandLine()
	}
	return srv.CommandLine() + " (" + strings.Join(extra, "; ") + ")"
}

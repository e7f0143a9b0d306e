package proxy

//lint:file-ignore SA1019 the newest revision deprecates logging; clients of the others use it

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// logLevels are the protocol's, from the most detailed on.
var logLevels = []string{"debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"}

// libraryCapabilities are what the library has to allow. Clients are told ours.
func libraryCapabilities() *mcp.ServerCapabilities {
	return &mcp.ServerCapabilities{
		Tools: &mcp.ToolCapabilities{ListChanged: true}, Prompts: &mcp.PromptCapabilities{ListChanged: true},
		Resources: &mcp.ResourceCapabilities{ListChanged: true, Subscribe: true}, Logging: &mcp.LoggingCapabilities{},
	}
}

// setLevel notes which log messages a session wants.
func (s *scope) setLevel(req mcp.Request) error {
	params, ok := req.GetParams().(*mcp.SetLoggingLevelParams)
	if !ok {
		return notOffered("logging/setLevel")
	}
	n := slices.Index(logLevels, string(params.Level))
	switch {
	case n < 0:
		return invalid(fmt.Sprintf("There is no log level %q.", shorten(string(params.Level))))
	case len(s.loggers(s.catalog())) == 0:
		return notOffered("logging/setLevel")
	}
	s.wishes.setLevel(req.GetSession().ID(), n)
	signal(s.wished)
	return nil
}

// loggers returns the servers of the scope that have log messages.
func (s *scope) loggers(c *catalog) (servers []string) {
	for _, o := range c.offers {
		if o.can.logging && (s.server == "" || s.server == o.server) {
			servers = append(servers, o.server)
		}
	}
	return servers
}

// wants reports whether a client is to be told something in the course of its request.
// All but log messages it is.
func (d *dialogue) wants(method string, params json.RawMessage) bool {
	if method != "notifications/message" {
		return true
	}
	said := slices.Index(logLevels, unquoteString(valueOf(params, "level")))
	if d.from.modern {
		return d.level >= 0 && said >= d.level
	}
	return said >= d.scope.wishes.level(d.from.session)
}

// log sends a log message to the sessions whose level includes it.
func (s *scope) log(ctx context.Context, m logMessage) {
	level := unquoteString(valueOf(m.params, "level"))
	said := slices.Index(logLevels, level)
	for session := range s.mcp.Sessions() {
		if n := s.wishes.level(session.ID()); n < 0 || said < n {
			continue
		}
		_ = session.Log(ctx, &mcp.LoggingMessageParams{ // a client may be gone
			Level: mcp.LoggingLevel(level), Logger: unquoteString(valueOf(m.params, "logger")), Data: valueOf(m.params, "data"),
		})
	}
}

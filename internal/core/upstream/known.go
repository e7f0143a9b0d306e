package upstream

import "mcpproxy-tray/internal/core/config"

// Secrets returns the values that a server is given by its entry, and that nothing may
// show; lookup is what ${env:NAME} stands for. Of an entry that cannot be used it
// returns those that are known.
func Secrets(srv config.Server, lookup func(string) (string, bool)) []string {
	var given collector
	if expanded, err := srv.Expand(given.listen(lookup)); err == nil {
		given.server(expanded)
	}
	return given.secrets()
}

package doctor

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"
)

// instance finds a running instance that does not answer, or what it says is wrong.
func instance(ctx context.Context, x *exam) []Finding {
	if x.Running == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	if resp, err := x.get(ctx, "/healthz", ""); err == nil {
		_ = resp.Body.Close()
		return x.problems(ctx)
	}
	return []Finding{{Text: fmt.Sprintf("The running instance (process %d) does not answer at %s.", x.PID, x.Running),
		Why: "AI clients cannot reach any server.", Hint: fmt.Sprintf("See its log %s; end it with: kill %d", x.Dirs.AppLog(), x.PID)}}
}

// chosen are problems that the configuration asks for.
var chosen = map[string]bool{"MPT-QUARANTINE-OFF": true, "MPT-MCP-OPEN": true}

// problems returns what the running instance says is wrong with it, but for the
// configuration, which is looked at anyway. It says nothing to who has not its token.
func (x *exam) problems(ctx context.Context) []Finding {
	token, err := os.ReadFile(x.Dirs.AdminToken())
	if err != nil {
		return nil
	}
	resp, err := x.get(ctx, "/api/v1/status", strings.TrimSpace(string(token)))
	if err != nil {
		return nil
	}
	defer resp.Body.Close()
	var status struct {
		Problems []struct{ Code, Text, Hint string }
	}
	if json.NewDecoder(resp.Body).Decode(&status) != nil {
		return nil
	}
	var found []Finding
	for _, p := range status.Problems {
		if !strings.HasPrefix(p.Code, "MPT-CONFIG") {
			found = append(found, Finding{Text: p.Text, Why: fmt.Sprintf("The running instance says so (%s).", p.Code), Hint: p.Hint, Minor: chosen[p.Code]})
		}
	}
	return found
}

// get asks the running instance.
func (x *exam) get(ctx context.Context, path, token string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+x.Running+path, nil)
	if err != nil {
		return nil, err
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}} // no proxy: it is this machine
	return client.Do(req)
}

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"mcpproxy-tray/internal/core"
	"mcpproxy-tray/internal/core/doctor"
)

func newDoctor(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Find what is wrong and say what to do about it",
		Long: `Find what is wrong and say what to do about it. It changes nothing, and ends
with code 1 when something needs you. It looks at the configuration and each
server's entry, the PATH of the login shell, the keyring, the running instance
and what it says is wrong, or who has its port, files that others can read, the
database, the history, what a crash left, the panel and the notifications, and at
what AI clients start themselves.`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			dirs, err := o.dirs()
			if err != nil {
				return err
			}
			p := doctor.Patient{Dirs: dirs, Listen: o.listen}
			if p.Self, err = os.Executable(); err != nil {
				return fmt.Errorf("find own program file: %w", err)
			}
			if p.ConfigFile, err = o.configPath(); err != nil {
				return err
			}
			inst, err := core.FindInstance(dirs)
			switch {
			case err == nil:
				p.Running, p.PID = strings.TrimPrefix(inst.URL, "http://"), inst.PID
				if o.config == "" {
					p.ConfigFile = inst.Config
				}
			case !errors.Is(err, core.ErrNoInstance):
				say(c, "%s", err.Error())
			}
			return diagnosis(c, o, doctor.Run(c.Context(), p))
		},
	}
}

// diagnosis prints what was found; it fails if that is anything.
func diagnosis(c *cobra.Command, o *options, found []doctor.Finding) error {
	out := c.OutOrStdout()
	if o.json() {
		if err := json.NewEncoder(out).Encode(struct {
			Findings []doctor.Finding `json:"findings"`
		}{found}); err != nil {
			return err
		}
	} else {
		for _, f := range found {
			fmt.Fprintf(out, "%s: %s\n", f.Check, oneLine(f.Text))
			for _, line := range []string{f.Why, f.Hint} {
				if line != "" {
					fmt.Fprintf(out, "  %s\n", tame([]byte(line))) // a quoted path keeps its blanks
				}
			}
		}
	}
	bad := 0
	for _, f := range found {
		if !f.Minor {
			bad++
		}
	}
	switch {
	case len(found) == 0:
		say(c, "nothing found")
		return nil
	case bad == 0:
		say(c, "nothing that needs you")
		return nil
	case bad == 1:
		return &failure{exitFailed, "1 thing needs you", ""}
	}
	return &failure{exitFailed, fmt.Sprintf("%d things need you", bad), ""}
}

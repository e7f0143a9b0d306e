package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"mcpproxy-tray/internal/core/doctor"
)

func newDoctor(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Find what is wrong and say what to do about it",
		Long: `Find what is wrong and say what to do about it. It changes nothing, and ends
with code 1 when something needs you.`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			dirs, err := o.dirs()
			if err != nil {
				return err
			}
			p := doctor.Patient{Dirs: dirs, Path: os.Getenv("PATH")}
			if p.ConfigFile, err = o.configPath(); err != nil {
				return err
			}
			a, err := o.connect()
			switch {
			case err == nil:
				p.Running = strings.TrimPrefix(a.base, "http://")
			case !errors.Is(err, errNoInstance):
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
			if f.Hint != "" {
				fmt.Fprintf(out, "  %s\n", oneLine(f.Hint))
			}
		}
	}
	switch len(found) {
	case 0:
		say(c, "nothing found")
		return nil
	case 1:
		return &failure{exitFailed, "1 thing needs you", ""}
	}
	return &failure{exitFailed, fmt.Sprintf("%d things need you", len(found)), ""}
}

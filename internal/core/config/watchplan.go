package config

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// maxLinks is how many links are followed; Linux allows 40.
const maxLinks = 40

// watchPlan returns what to watch to learn of changes of the file at path: the
// folders that hold it and each link on the way to it, in order, and the names
// in them that matter. Of a path that does not exist yet it is the last folder
// that does, and the name missing in it.
func watchPlan(path string) (dirs, names []string) {
	abs, err := filepath.Abs(path)
	if err != nil {
		abs = path
	}
	note := func(dir, name string) {
		if !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
		names = append(names, name)
	}
	root := filepath.VolumeName(abs) + string(filepath.Separator)
	dir, rest, links := root, parts(abs[len(filepath.VolumeName(abs)):]), 0
	for len(rest) > 0 {
		part := rest[0]
		rest = rest[1:]
		if part == ".." { // in a link; dir has none, so this is its real parent
			dir = filepath.Dir(dir)
			continue
		}
		next := filepath.Join(dir, part)
		info, err := os.Lstat(next)
		switch {
		case err == nil && info.Mode()&fs.ModeSymlink != 0 && links < maxLinks:
			links++
			note(dir, next)
			target, _ := os.Readlink(next) // unreadable: as good as empty
			if filepath.IsAbs(target) {
				dir = root
			}
			rest = append(parts(target[len(filepath.VolumeName(target)):]), rest...)
		case err != nil, len(rest) == 0:
			note(dir, next)
			return dirs, names
		default:
			dir = next
		}
	}
	note(dir, dir)
	return dirs, names
}

func parts(path string) []string {
	return slices.DeleteFunc(strings.Split(filepath.ToSlash(path), "/"), func(p string) bool { return p == "" || p == "." })
}

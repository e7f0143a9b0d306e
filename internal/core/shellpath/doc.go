// Package shellpath finds the PATH that the user's programs have in a terminal.
// A program that is started from a desktop has a poor one, in which npx, uvx and
// the like are missing: version managers and installers put themselves in the
// files that a login shell reads. So that shell is run and asked, once until one
// of these files changes. On Windows the registry says it.
//
// It is not for other variables, and it never looks for programs.
//
// A Resolver may be used concurrently. It starts nothing by itself: whoever asks
// first waits for the shell, and everybody who asks meanwhile waits too.
package shellpath

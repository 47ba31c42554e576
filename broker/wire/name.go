package wire

import "strings"

// maxName is the longest topic or channel name in bytes, its suffix included.
const maxName = 64

// Ephemeral is the suffix of the topics and channels that go with their last user and are never stored.
const Ephemeral = "#ephemeral"

// ValidName says whether name may name a topic or a channel: 1 to 64 bytes of [.a-zA-Z0-9_-], then [Ephemeral] or nothing.
func ValidName(name string) bool {
	if len(name) == 0 || len(name) > maxName {
		return false
	}
	stem := strings.TrimSuffix(name, Ephemeral)
	for i := range len(stem) {
		b := stem[i]
		switch {
		case 'a' <= b && b <= 'z', 'A' <= b && b <= 'Z', '0' <= b && b <= '9', b == '.', b == '_', b == '-':
		default:
			return false
		}
	}
	return stem != ""
}

// IsEphemeral says whether a topic or channel goes with its last user.
func IsEphemeral(name string) bool { return strings.HasSuffix(name, Ephemeral) }

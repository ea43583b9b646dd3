package bandwidth

import (
	"slices"
	"testing"
)

func TestAllocate_FollowsPriorityAndLayerOrder(t *testing.T) {
	layers := []int{200_000, 700_000, 1_700_000}
	for _, c := range []struct {
		name     string
		budget   int
		requests []Request
		want     []int
	}{
		{"enough for all", 10_000_000, []Request{{0, layers, 9, 2}, {0, layers, 9, 2}}, []int{2, 2}},
		{"smallest layers before better ones", 500_000, []Request{{1, layers, 9, 0}, {0, layers, 9, 0}}, []int{0, 0}},
		{"the higher priority is upgraded first", 1_100_000, []Request{{0, layers, 9, 0}, {1, layers, 9, 0}}, []int{0, 1}},
		{"a little too small for the lowest layer", 150_000, []Request{{0, layers, 9, 0}}, []int{0}},
		{"far too small for the lowest layer", 110_000, []Request{{0, layers, 9, 0}}, []int{NoLayer}},
		{"at the share that keeps the lowest layer", 120_000, []Request{{0, layers, 9, 0}}, []int{0}},
		{"just below it", 119_999, []Request{{0, layers, 9, 0}}, []int{NoLayer}},
		{"at the margin of the lowest layer", 230_000, []Request{{0, layers, 9, NoLayer}}, []int{0}},
		{"just below it", 229_999, []Request{{0, layers, 9, NoLayer}}, []int{NoLayer}},
		{"at the margin of an upgrade", 805_000, []Request{{0, layers, 9, 0}}, []int{1}},
		{"just below it", 804_999, []Request{{0, layers, 9, 0}}, []int{0}},
		{"at what the current layer takes", 1_700_000, []Request{{0, layers, 9, 2}}, []int{2}},
		{"just below it", 1_699_999, []Request{{0, layers, 9, 2}}, []int{1}},
		{"no better layer is wanted", 10_000_000, []Request{{0, layers, NoLayer, NoLayer}}, []int{NoLayer}},
		{"the first of equals comes first", 1_000_000, []Request{{0, layers, 9, 1}, {0, layers, 9, 1}}, []int{1, 0}},
		{"one of the highest priority that gets nothing", 1_000_000, []Request{{2, []int{3_000_000}, 9, NoLayer}, {0, layers, 9, 0}}, []int{NoLayer, 1}},
		{"three priorities", 2_705_000, []Request{{0, layers, 9, 0}, {2, layers, 9, 0}, {1, layers, 9, 0}}, []int{0, 2, 1}},
		{"a downgrade to the lowest layer", 150_000, []Request{{0, layers, 9, 2}}, []int{0}},
		{"a single layer that just fits is kept", 2_000_000, []Request{{0, []int{2_000_000}, 9, 0}}, []int{0}},
		{"but does not start without a margin", 2_000_000, []Request{{0, []int{2_000_000}, 9, NoLayer}}, []int{NoLayer}},
		{"not beyond MaxLayer", 10_000_000, []Request{{0, layers, 1, 0}}, []int{1}},
		{"no layers", 10_000_000, []Request{{0, nil, 9, NoLayer}}, []int{NoLayer}},
		{"an upgrade needs a margin", 750_000, []Request{{0, layers, 9, 0}}, []int{0}},
		{"the higher priority gets its best layer first", 2_200_000, []Request{{0, layers, 9, 0}, {1, layers, 9, 0}}, []int{0, 2}},
		{"equal priorities are upgraded together", 1_700_000, []Request{{0, layers, 9, 0}, {0, layers, 9, 0}}, []int{1, 1}},
		{"the current layer needs no margin", 700_000, []Request{{0, layers, 9, 1}}, []int{1}},
	} {
		if got, _ := Allocate(c.budget, c.requests); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
}

func TestAllocate_ReturnsTheBudgetOfTheNextUpgrade(t *testing.T) {
	layers := []int{200_000, 700_000, 1_700_000}
	for _, c := range []struct {
		name     string
		budget   int
		requests []Request
		want     int
	}{
		{"no upgrade is wanted", 10_000_000, []Request{{0, layers, 9, 2}}, 0},
		{"the middle layer with its margin", 500_000, []Request{{0, layers, 9, 0}}, 805_000},
		{"the first request's, beside the second's layer", 500_000, []Request{{1, layers, 9, 0}, {0, layers, 9, 0}}, 1_005_000},
		{"the second's, as the first wants no more", 500_000, []Request{{1, layers, 0, 0}, {0, layers, 9, 0}}, 1_005_000},
		{"the smallest layer", 100_000, []Request{{0, layers, 9, NoLayer}}, 230_000},
	} {
		if _, got := Allocate(c.budget, c.requests); got != c.want {
			t.Errorf("%s: got %d, want %d", c.name, got, c.want)
		}
	}
}

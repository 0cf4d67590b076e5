#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# What every source has and has not: a licence line, no blanks at the end of
# a line, no note to self without a reason, no path of somebody's machine.
use strict;
use warnings;

use lib 't/lint';
use Test::More;
use Tree;

my $source = qr{\.(?:[chtl]|p[lm]|sh|mk|proto)$|^GNUmakefile$|^deps/|^\.ci/
    |^Containerfile$|^t/bench/run$|^systemd/.*\.(?:service|conf)$}x;

for my $path (files($source)) {
	my @head = split /\n/, substr(slurp($path), 0, 400);
	ok(scalar(grep { /SPDX-License-Identifier: Apache-2\.0/ }
	    grep { defined } @head[0 .. 2]), "$path has its licence line");
}

# These have what people write, with all its faults.
for my $path (files(qr{^(?!LICENSE$|\.|t/(?:conf|fuzz/corpus)/)})) {
	next if -B $path;
	my $text = slurp($path);
	my @wrong;
	my $n = 0;
	for (split /\n/, $text, -1) {
		$n++;
		push @wrong, "$n: blanks at the end of the line"
		    if /[ \t]+$/ && $path !~ /\.md$/;
		push @wrong, "$n: a DOS line" if /\r$/;
		next if $path eq 't/lint/text.t';
		push @wrong, "$n: do it, or write it into the README: $_"
		    if /\b(?:TODO|FIXME)\b/;
		push @wrong, "$n: why? $_"
		    if /\bXXX\b(?!:? +\w+ +\w+ +\w+)(?!X)/;
		push @wrong, "$n: a path of one machine: $_"
		    if m{(?<![\w.\$\}])/(?:work|home/\w+|root)/};
	}
	push @wrong, 'no newline at the end' if $text =~ /[^\n]\z/;
	is(join("\n", @wrong), '', "$path is clean");
}

done_testing();

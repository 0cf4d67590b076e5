#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# What a page links to is there, and so is each heading.
use strict;
use warnings;

use lib 't/lint';
use File::Basename qw(dirname);
use Test::More;
use Tree;

# As GitHub makes them.
sub anchors
{
	my ($page) = @_;
	my @heads = slurp($page) =~ /^#+ +(.*)$/mg;

	return map { (lc($_) =~ s/[^\w\s-]//gr =~ s/\s/-/gr => 1) } @heads;
}

for my $page (files(qr{\.md$})) {
	my @wrong;

	for my $link (slurp($page) =~ /\]\(([^)\s]+)\)/g) {
		my ($path, $anchor) = split /#/, $link, 2;

		next if $link =~ /^https?:/;
		$path = $path eq '' ? $page : dirname($page) . "/$path";
		push @wrong, $link unless -e $path;
		push @wrong, $link if defined $anchor && -f $path &&
		    !{ anchors($path) }->{$anchor};
	}
	is(join(' ', @wrong), '', "$page: links");
}

# Files that CONTRIBUTING.md sends people to.
{
	my @named = grep { !/[A-Z]{4}|\*|7xx/ || /README|REFERENCE|METRICS|FAULTS
	    |MIGRATION/x } slurp('CONTRIBUTING.md') =~
	    m{`((?:master|worker|shared|t|conf)/[\w./-]+)`}g;

	is(join(' ', grep { !-e } @named), '', 'CONTRIBUTING.md: files');
}

done_testing();

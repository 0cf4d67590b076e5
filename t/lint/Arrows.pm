# SPDX-License-Identifier: Apache-2.0
#
# Who includes whom: the arrows between the files of the programs, and between
# their folders, for arrows.t and for `make graph`.
#
# A file is its .c and its .h together, and what several files of a folder
# share privately (X_own.h) is X.
package Arrows;

use strict;
use warnings;

use Exporter 'import';
use Tree;

our @EXPORT = qw(arrows name_of folder_of circles);

sub name_of { return $_[0] =~ s/\.[ch]$//r =~ s/_own$//r }
sub folder_of { return $_[0] =~ s{/[^/]*$}{}r }

# One for each #include of ours: from, to, and where it stands.
sub arrows
{
	my @arrows;

	for my $path (files(qr{^(?:shared|master|worker)/.*\.[ch]$})) {
		my $n = 0;
		for my $line (split /\n/, slurp($path)) {
			$n++;
			next unless $line =~
			    m{^\s*#\s*include\s+"((?:shared|master|worker)/[^"]*)"};
			push @arrows, {
				from => name_of($path), to => name_of($1),
				where => "$path:$n: $line",
			} if name_of($path) ne name_of($1);
		}
	}
	return @arrows;
}

# The groups of files each of which includes all others in the end (Tarjan).
sub circles
{
	my (%to, %index, %low, %on, @stack, @found);
	my $n = 0;
	my $visit;

	$to{$_->{from}}{$_->{to}} = 1 for @_;
	$visit = sub {
		my ($file) = @_;

		$index{$file} = $low{$file} = $n++;
		push @stack, $file;
		$on{$file} = 1;
		for my $next (sort keys %{$to{$file} // {}}) {
			my $least;

			if (!defined $index{$next}) {
				$visit->($next);
				$least = $low{$next};
			} elsif ($on{$next}) {
				$least = $index{$next};
			}
			$low{$file} = $least
			    if defined $least && $least < $low{$file};
		}
		return if $low{$file} != $index{$file};
		my @circle;
		do {
			push @circle, pop @stack;
			delete $on{$circle[-1]};
		} while $circle[-1] ne $file;
		push @found, [sort @circle] if @circle > 1;
	};
	for (sort keys %to) {
		$visit->($_) if !defined $index{$_};
	}
	return @found;
}

1;

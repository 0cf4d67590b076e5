#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The include graph, from the code as it is: `make graph`.
#
#   graph.pl          all files, for graphviz: one box for each folder
#   graph.pl FOLDER   the same of one folder, and what it includes
#   graph.pl --text   the folders of both programs, those at the top that
#                     include all below them; as in master/README
use strict;
use warnings;

use lib 't/lint';
use Arrows;

# Two files of the worker are above its sinks.
sub box
{
	my ($file) = @_;

	return 'worker/loop' if $file =~ m{^worker/(?:main|loop)$};
	return folder_of($file);
}

sub dot
{
	my ($only) = @_;
	my (%in, %seen);
	my @arrows = grep { $_->{to} ne 'shared/fby' &&
	    folder_of($_->{to}) ne 'shared/base' } arrows();

	@arrows = grep { folder_of($_->{from}) eq $only } @arrows if $only;
	$in{folder_of($_)}{$_} = 1 for map { @$_{qw(from to)} } @arrows;
	print "digraph includes {\n\trankdir=LR; ranksep=1.2; nodesep=0.12;\n",
	    "\tnode [shape=box, style=\"rounded,filled\", fillcolor=white,",
	    " fontname=Helvetica, fontsize=11, height=0.25];\n",
	    "\tedge [color=\"#00000060\", arrowsize=0.6];\n";
	for my $folder (sort keys %in) {
		print "\tsubgraph \"cluster_$folder\" {\n\t\tlabel=\"$folder\";",
		    " style=\"rounded,filled\"; color=\"#c8d6e5\";",
		    " fillcolor=\"#eef3f8\"; fontname=Helvetica;\n";
		print "\t\t\"$_\" [label=\"", s{.*/}{}r, "\"];\n"
		    for sort keys %{$in{$folder}};
		print "\t}\n";
	}
	for (@arrows) {
		my $arrow = "\"$_->{from}\" -> \"$_->{to}\"";
		print "\t$arrow;\n" if !$seen{$arrow}++;
	}
	print "}\n";
	return;
}

sub level
{
	my ($to, $level, $box) = @_;
	my $most = 0;

	return $level->{$box} if defined $level->{$box};
	die "$box: includes itself in the end\n" if exists $level->{$box};
	$level->{$box} = undef;
	for (keys %{$to->{$box} // {}}) {
		my $below = 1 + level($to, $level, $_);
		$most = $below if $below > $most;
	}
	return $level->{$box} = $most;
}

sub text
{
	my (%to, %level);

	for (arrows()) {
		my ($from, $to) = map { box($_) } @$_{qw(from to)};

		# Admin looks at a running master (master.h), which opens it.
		next if $from eq 'master/admin' && $to eq 'master';
		$to{$from}{$to} = 1 if $from ne $to && $to ne 'shared';
		$to{$from} //= {};
	}
	delete $to{shared};
	level(\%to, \%level, $_) for keys %to;
	for my $box (sort { $level{$b} <=> $level{$a} || $a cmp $b } keys %to) {
		my @below = grep { $_ ne 'shared/base' } sort { $level{$b} <=> $level{$a} || $a cmp $b }
		    keys %{$to{$box}};
		my ($top) = $box =~ m{^(\w+)};
		my $line = sprintf '  %-16s', $box;

		# Those of the same program by their last name.
		for my $name (map { s{^\Q$top\E/}{}r } @below) {
			if (length("$line $name") > 78) {
				print "$line\n";
				$line = ' ' x 18;
			}
			$line .= " $name";
		}
		print "$line\n" =~ s/ +$//mr;
	}
	return;
}

@ARGV && $ARGV[0] eq '--text' ? text() : dot(@ARGV);

# SPDX-License-Identifier: Apache-2.0
#
# The files of the tree, for the tests in t/lint.  Paths are relative to the
# root of the tree, which is where prove runs.
package Tree;

use strict;
use warnings;

use Exporter 'import';
use File::Find;

our @EXPORT = qw(files slurp code);

# All files of ours whose path matches, sorted.
sub files {
	my ($re) = @_;
	my @found;
	find({
		no_chdir => 1,
		wanted => sub {
			$File::Find::prune = 1
			    if m{^\./(?:\.git|build[^/]*)$};
			return if $_ eq './compile_commands.json';
			my $path = s{^\./}{}r;
			push @found, $path if -f && !-l && $path =~ $re;
		},
	}, '.');
	return sort @found;
}

sub slurp {
	my ($path) = @_;
	open(my $in, '<', $path) or die "$path: $!\n";
	local $/;
	return scalar <$in>;
}

# A C file without comments and the contents of strings; lines stay where
# they are.
sub code {
	my ($path) = @_;
	my $text = slurp($path);
	$text =~ s{(/\*.*?\*/|//[^\n]*)|("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')}
	    {defined $1 ? $1 =~ s/[^\n]//gr : $2 =~ s/(?<=.).+(?=.)//sr}gse;
	return $text;
}

1;

# SPDX-License-Identifier: Apache-2.0
#
# A small file system of its own at a directory, which ends with the object.
package Test::Forebay::Mount;

use strict;
use warnings;

use Test::Forebay::Util;

# undef if nothing can be mounted here.
sub new
{
	my ($class, $dir, $options) = @_;

	mkdir($dir);
	my ($status) = run(['mount', '-t', 'tmpfs', '-o',
	    "mode=750,$options", 'forebay', $dir]);

	return $status ? undef : bless({ dir => $dir, owner => $$ }, $class);
}

# Until nothing fits any more.
sub fill
{
	my ($self) = @_;

	open(my $fh, '>>', "$self->{dir}/ballast") or die "ballast: $!";
	for my $size (4096, 1) {
		1 while syswrite($fh, 'x' x $size);
	}
	return;
}

# So many bytes of that are free again; undef: all.
sub free
{
	my ($self, $bytes) = @_;
	my $path = "$self->{dir}/ballast";

	return unlink($path) unless defined $bytes;
	return truncate($path, (-s $path) - $bytes);
}

sub DESTROY
{
	my ($self) = @_;

	local ($?, $@);
	system('umount', '-l', $self->{dir}) if $self->{owner} == $$;
	return;
}

1;

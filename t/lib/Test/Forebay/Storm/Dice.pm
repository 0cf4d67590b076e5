# SPDX-License-Identifier: Apache-2.0
#
# Random numbers that are the same everywhere for the same seed, and that
# nobody else draws from: drand48's, 48 bits.
package Test::Forebay::Storm::Dice;

use strict;
use warnings;

my $MASK = (1 << 48) - 1;

sub new
{
	my ($class, $seed) = @_;
	my $self = bless { x => (($seed << 16) | 0x330e) & $MASK }, $class;

	# Neighbouring seeds begin alike.
	$self->draw for 1 .. 10;
	return $self;
}

# [0, 1)
sub draw
{
	my ($self) = @_;

	{
		# The product wraps around at 64 bits, and 48 are wanted.
		use integer;
		$self->{x} = ($self->{x} * 25214903917 + 11) & $MASK;
	}
	return $self->{x} / 2 ** 48;
}

# [from, to), rounded to hundredths, so that what is printed is what is done
sub between
{
	my ($self, $from, $to) = @_;

	return sprintf('%.2f', $from + $self->draw * ($to - $from)) + 0;
}

# A whole number from 0 to n - 1.
sub below
{
	my ($self, $n) = @_;

	return int($self->draw * $n);
}

# One of a list of [weight, thing].
sub pick
{
	my ($self, @list) = @_;
	my $sum = 0;

	$sum += $_->[0] for @list;
	my $x = $self->draw * $sum;

	for (@list) {
		return $_->[1] if ($x -= $_->[0]) < 0;
	}
	return $list[-1][1];
}

1;
